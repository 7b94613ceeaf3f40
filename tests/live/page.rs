//! The page in a real browser: what is drawn, and what its controls do.

use crate::browser::Browser;
use crate::served::{Served, painted};
use lookout::class::ObjectClass;
use lookout::config::RawSettings;
use lookout::detection::{DETECTIONS_MAX, Detection};
use lookout::detector::StageTimes;
use lookout::frame::{Frame, PixelFormat};
use lookout::geometry::BBox;
use lookout::pipeline::{Builder, Detect, Lookout};
use lookout::pixels::Picture;
use serde_json::Value;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const WIDTH: usize = 320;
const HEIGHT: usize = 180;
const BLOCK: usize = 40;

/// A bright block that moves over a dark picture.
fn block() -> (Builder, Arc<AtomicBool>) {
    let (builder, is_out) = painted(|sequence, frame: &mut Frame| {
        (frame.width, frame.height, frame.stride) = (WIDTH as u32, HEIGHT as u32, 3 * WIDTH);
        frame.format = PixelFormat::Rgb8;
        frame.data.clear();
        frame.data.resize(3 * WIDTH * HEIGHT, 20);
        let left = (sequence as usize * 7) % (WIDTH - BLOCK);
        let top = (sequence as usize * 3) % (HEIGHT - BLOCK);
        for y in top..top + BLOCK {
            let at = 3 * (y * WIDTH + left);
            frame.data[at..at + 3 * BLOCK].fill(230);
        }
    });
    (builder.detector(Box::new(Finder)), is_out)
}

/// Finds the block by its pixels: a car, and inside it a person that scores less.
struct Finder;

impl Detect for Finder {
    fn model_id(&self) -> &str {
        "finder@0"
    }

    fn detect(
        &mut self,
        picture: &Picture<'_>,
        out: &mut heapless::Vec<Detection, DETECTIONS_MAX>,
    ) -> Result<StageTimes, Box<dyn Error + Send + Sync>> {
        let mut rgb = Vec::new();
        picture.write_rgb(&mut rgb);
        out.clear();
        let Some(first) = rgb.iter().position(|&byte| byte > 125) else {
            return Ok(StageTimes::default());
        };
        let (x, y) = ((first / 3 % WIDTH) as f32, (first / 3 / WIDTH) as f32);
        let side = BLOCK as f32;
        let whole = BBox::new(x, y, x + side, y + side);
        let inner = BBox::new(x + 10.0, y + 10.0, x + 30.0, y + 30.0);
        let _ = out.push(Detection::new(ObjectClass::Car, 0.9, whole));
        let _ = out.push(Detection::new(ObjectClass::Person, 0.4, inner));
        Ok(StageTimes::default())
    }
}

/// What is shown at one moment: the message, where its boxes are on the screen, where the
/// picture is, and how bright the pixels are in the middle of the first box and beside it.
const DRAWN: &str = "(() => {
    const edges = (e) => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
    const pen = stage.canvas.getContext('2d');
    const bright = (x, y) => pen.getImageData(x, y, 1, 1).data[0];
    const [x0, y0, x1, y1] = stage.seen.detections[0].box_px;
    const scale = stage.canvas.width / stage.seen.frame_width_px;
    return {
        seen: stage.seen,
        boxes: [...document.querySelectorAll('#boxes .halo')].map(edges),
        canvas: edges(stage.canvas),
        inside: bright((x0 + x1) / 2 * scale, (y0 + y1) / 2 * scale),
        beside: bright(((x1 + 60) % stage.seen.frame_width_px) * scale, y0 * scale),
    };
})()";

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

/// Where a box of the message must be on the screen: the picture is fitted into its canvas
/// without distortion and in its middle.
fn expected(bbox: &[f64], canvas: &[f64]) -> Vec<f64> {
    let (width, height) = (canvas[2] - canvas[0], canvas[3] - canvas[1]);
    let scale = (width / WIDTH as f64).min(height / HEIGHT as f64);
    let left = canvas[0] + (width - scale * WIDTH as f64) / 2.0;
    let top = canvas[1] + (height - scale * HEIGHT as f64) / 2.0;
    vec![
        left + scale * bbox[0],
        top + scale * bbox[1],
        left + scale * bbox[2],
        top + scale * bbox[3],
    ]
}

fn check_drawn(browser: &mut Browser) {
    let drawn = browser.value(DRAWN);
    let found = drawn["seen"]["detections"].as_array().unwrap();
    let boxes = drawn["boxes"].as_array().unwrap();
    assert_eq!((found.len(), boxes.len()), (2, 2), "{drawn}");
    let canvas = numbers(&drawn["canvas"]);
    // The best is drawn last.
    for (object, shape) in found.iter().zip(boxes.iter().rev()) {
        let wanted = expected(&numbers(&object["box_px"]), &canvas);
        for (edge, wanted) in numbers(shape).iter().zip(&wanted) {
            assert!(
                (edge - wanted).abs() < 1.0,
                "{shape} is not at {wanted:?}: {drawn}"
            );
        }
    }
    assert!(
        drawn["inside"].as_f64() > Some(200.0),
        "not the picture of these boxes: {drawn}"
    );
    assert!(
        drawn["beside"].as_f64() < Some(60.0),
        "not the picture of these boxes: {drawn}"
    );
}

fn target(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/live")
        .join(name)
}

#[test]
fn boxes_are_where_the_message_says_and_controls_work() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (builder, is_out) = block();
    let served = Served::start(builder);
    let url = format!("http://{}/", served.address);
    for (width, height, is_phone) in [(1440, 900, false), (390, 844, true), (900, 420, false)] {
        browser.open(&url, width, height, is_phone);
        browser.wait_for("stage.seen && stage.bitmap");
        for _ in 0..5 {
            check_drawn(&mut browser);
        }
    }
    let boxes = "document.querySelectorAll('#boxes .box').length";
    browser.value("by('score').value = 50; by('score').oninput()");
    browser.wait_for(&format!(
        "{boxes} === 1 && by('objects').textContent === '1'"
    ));
    browser.value("by('score').value = 0; by('score').oninput()");
    browser.value("document.querySelector('[data-class=car]').click()");
    browser.wait_for(&format!(
        "{boxes} === 1 && stage.visible()[0].class === 'person'"
    ));
    browser.value("document.querySelector('[data-class=car]').click()");
    browser.wait_for(&format!("{boxes} === 2"));

    browser.wait_for("by('state').dataset.state === 'ok' && by('banner').hidden");
    browser.value("by('pause').click()");
    browser.wait_for("!by('paused').hidden");
    let sequence = browser.value("stage.seen.sequence");
    served.wait_for_frames(60);
    assert_eq!(browser.value("stage.seen.sequence"), sequence);
    assert_eq!(served.metric("lookout_live_clients"), 1.0);
    browser.value("by('pause').click()");
    browser.wait_for(&format!("stage.seen.sequence > {sequence}"));

    is_out.store(true, Ordering::Relaxed);
    browser.wait_for("by('banner-title').textContent === 'BLIND'");
    browser.wait_for("stage.screen.classList.contains('stale')");
    browser.wait_for("by('banner-text').textContent.includes('absent')");
    assert_eq!(browser.value("by('objects').textContent"), "–");
    browser.screenshot(&target("blind.png"), 1.0);
    is_out.store(false, Ordering::Relaxed);
    browser.wait_for("by('banner').hidden && !stage.screen.classList.contains('stale')");
    assert_eq!(browser.complaints, Vec::<String>::new());
    served.finish();
    browser.wait_for("by('banner-title').textContent === 'No connection'");
    browser.wait_for("by('link').dataset.state === 'down'");
}

const RULES: &str = "
[[zones]]
name = 'ahead'
polygon = [[0.25, 0.5], [0.75, 0.5], [1.0, 1.0], [0.0, 1.0]]
[[rules]]
name = 'person-ahead'
zone = 'ahead'
classes = ['person', 'rider']
score_min = 0.5
[[rules]]
name = 'three-cars'
classes = ['car']
count_min = 3
score_min = 0.5
";

/// What people see: the shipped model on the built-in drive, as in the README.
#[test]
fn the_page_is_pictured_on_wide_screens_and_on_phones() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let raw: RawSettings = toml::from_str(RULES).unwrap();
    let builder = Lookout::builder()
        .config(raw.validate().unwrap())
        .source("drive:?frames=0&seed=2&light=day".parse().unwrap())
        .model(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/road-288x512"));
    let served = Served::start(builder);
    let url = format!("http://{}/", served.address);
    for (name, width, height, is_phone) in [
        ("desktop.png", 1440, 900, false),
        ("phone.png", 390, 844, true),
    ] {
        browser.open(&url, width, height, is_phone);
        browser.wait_for(
            "by('boxes').childElementCount > 1 && timeline.samples.length > 14 && health",
        );
        browser.value("by('score').value = 40; by('score').oninput()");
        browser.wait_for("by('boxes').childElementCount > 2 && by('tags').childElementCount > 2");
        let is_within = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(browser.value(is_within), true, "{name} scrolls sideways");
        browser.screenshot(&target(name), 1.0);
        let picture = image::open(target(name)).unwrap();
        assert!(picture.width() >= width && picture.height() >= height);
        if !is_phone {
            browser.screenshot(&target("readme.png"), 0.5);
        }
    }
    assert_eq!(browser.complaints, Vec::<String>::new());
    served.finish();
}
