//! Tests of the judgement, with invented times: no clock is read and nobody sleeps.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::detection::LoadShedding;
use crate::sink::SinkReport;
use crate::thermal::ThermalZone;
use HealthState::{Blind, Degraded, Ok, Starting};
use proptest::prelude::*;

const MS: u64 = 1_000_000;

/// A run that is played tick by tick, as the monitor sees one.
struct Run {
    judge: Judge,
    vitals: Vitals,
    heat: Heat,
    now_ns: u64,
    /// What was said, each change once, with the millisecond since the start.
    said: Vec<(u64, HealthState)>,
    last: Verdict,
}

const START_NS: u64 = 5_000 * MS;
const TICK_MS: u64 = 100;

impl Run {
    fn new() -> Self {
        Self::paced(Pace::Live)
    }

    fn paced(pace: Pace) -> Self {
        let mut vitals = Vitals::default();
        vitals.times.ready_ns = START_NS;
        Self {
            judge: Judge::new(pace, 85.0),
            vitals,
            heat: Heat::default(),
            now_ns: START_NS,
            said: Vec::new(),
            last: Verdict {
                state: Starting,
                reasons: Vec::new(),
            },
        }
    }

    fn frame(&mut self, number: u64) {
        self.vitals.capture.state = CaptureState::Streaming;
        self.vitals.capture.frames += number;
        self.vitals.times.newest_frame_ns = Some(self.now_ns);
        self.vitals.times.first_frame_ns.get_or_insert(self.now_ns);
    }

    fn publish(&mut self, took_ms: u64) {
        self.vitals.frames += 1;
        let times = &mut self.vitals.times;
        times.newest_publication_ns = Some(self.now_ns);
        times.first_publication_ns.get_or_insert(self.now_ns);
        times.newest_seen_ns = times.newest_frame_ns;
        times.inference_took_ns = Some(took_ms * MS);
        times.inference_began_ns = None;
    }

    fn begin(&mut self) {
        self.vitals.times.inference_began_ns = Some(self.now_ns);
    }

    fn tick(&mut self) {
        let seen = Observation {
            now_ns: self.now_ns,
            vitals: &self.vitals,
            heat: &self.heat,
            shedding_cause: None,
        };
        self.last = self.judge.observe(&seen);
        if self.said.last().map(|said| said.1) != Some(self.last.state) {
            let ms = (self.now_ns - START_NS) / MS;
            self.said.push((ms, self.last.state));
        }
        self.now_ns += TICK_MS * MS;
    }

    /// So many milliseconds in which nothing happens.
    fn wait(&mut self, ms: u64) {
        for _ in 0..ms / TICK_MS {
            self.tick();
        }
    }

    /// So many milliseconds of a good camera with 30 frames a second and a fast detector.
    fn see(&mut self, ms: u64) {
        for _ in 0..ms / TICK_MS {
            self.frame(3);
            self.publish(20);
            self.tick();
        }
    }

    fn text(&self) -> String {
        let reasons = self.last.reasons.iter().map(ToString::to_string);
        reasons.collect::<Vec<_>>().join("; ")
    }
}

#[test]
fn a_good_run_starts_and_is_ok_and_has_no_reasons() {
    let mut run = Run::new();
    run.wait(1000);
    assert_eq!(run.last.reasons, [Reason::NoFrameYet]);
    run.see(60_000);
    assert_eq!(run.said, [(0, Starting), (1000, Ok)]);
    assert_eq!(run.last.reasons, []);
}

#[test]
fn a_lost_camera_is_told_within_a_second_and_its_return_at_once() {
    let mut run = Run::new();
    run.see(10_000);
    // The newest frame came at 9.9 s.
    run.wait(30_000);
    run.see(1_000);
    assert_eq!(run.said, [(0, Ok), (10_800, Blind), (40_000, Ok)]);
}

#[test]
fn fifty_short_outages_are_each_told_within_a_second() {
    let mut run = Run::new();
    run.see(2_000);
    for outage in 0..50 {
        let newest_ms = (run.now_ns - START_NS) / MS - TICK_MS;
        run.wait(3_000);
        let (ms, state) = *run.said.last().unwrap();
        assert_eq!(state, Blind, "outage {outage}");
        assert!(
            ms - newest_ms <= 1_000,
            "outage {outage}: {} ms",
            ms - newest_ms
        );
        run.see(2_000);
        assert_eq!(run.last.state, Ok);
    }
}

#[test]
fn a_loose_plug_does_not_look_like_a_slow_camera() {
    let mut run = Run::new();
    run.see(2_000);
    for outage in 0..50 {
        let newest_ms = (run.now_ns - START_NS) / MS - TICK_MS;
        run.wait(1_500);
        let (ms, state) = *run.said.last().unwrap();
        assert_eq!(state, Blind, "outage {outage}");
        let after_ms = ms - newest_ms;
        assert!(after_ms <= 900, "outage {outage}: {after_ms} ms");
        run.vitals.capture.opens += 1;
        run.see(500);
        assert_eq!(run.last.state, Ok);
    }
}

#[test]
fn an_absent_camera_is_named_from_the_start_on() {
    let mut run = Run::new();
    run.vitals.capture.is_absent = true;
    run.wait(10_000);
    assert_eq!(run.said, [(0, Starting), (5_000, Blind)]);
    assert_eq!(run.last.reasons, [Reason::CameraAbsent]);
    run.vitals.capture.is_absent = false;
    run.frame(1);
    run.begin();
    run.tick();
    assert_eq!(run.last.state, Blind, "not before a frame was looked at");
    run.see(200);
    assert_eq!(run.last.state, Ok);
}

#[test]
fn a_camera_that_is_there_and_silent_is_told_apart() {
    let mut run = Run::new();
    run.see(1_000);
    run.vitals.capture.state = CaptureState::Stalled;
    run.wait(3_000);
    assert!(run.text().contains("stalled"), "{}", run.text());
}

#[test]
fn a_slow_detector_is_degraded_and_never_blind() {
    let mut run = Run::new();
    let looks_ms = [4_000, 2_500, 7_000, 3_000, 9_000, 4_000];
    for took_ms in looks_ms {
        run.begin();
        for _ in 0..took_ms / TICK_MS {
            run.frame(3);
            run.tick();
        }
        run.publish(took_ms);
    }
    let states: Vec<_> = run.said.iter().map(|said| said.1).collect();
    assert_eq!(states, [Starting, Degraded], "{:?}", run.said);
    assert!(run.text().contains("smaller model"), "{}", run.text());
    run.see(5_000);
    assert_eq!(run.last.state, Ok);
}

#[test]
fn a_fast_detector_that_turns_slow_is_degraded_and_one_that_hangs_is_blind() {
    let mut run = Run::new();
    run.see(5_000);
    run.begin();
    for _ in 0..150 {
        run.frame(3);
        run.tick();
    }
    assert_eq!(run.said, [(0, Ok), (6_000, Degraded), (15_100, Blind)]);
    assert!(matches!(
        run.last.reasons[..],
        [Reason::DetectorStuck { .. }]
    ));
}

#[test]
fn pictures_that_are_all_torn_are_blindness() {
    let mut run = Run::new();
    run.see(5_000);
    for _ in 0..20 {
        run.frame(3);
        run.vitals.drops.damaged += 3;
        run.tick();
    }
    // Losses are told even sooner.
    assert_eq!(run.said, [(0, Ok), (5_600, Degraded), (5_800, Blind)]);
    assert!(matches!(run.last.reasons[..], [Reason::NothingSeen { .. }]));
}

#[test]
fn a_frame_that_is_not_looked_at_yet_does_not_end_blindness() {
    let mut run = Run::new();
    run.see(5_000);
    run.wait(5_000);
    assert_eq!(run.last.state, Blind);
    run.begin();
    for _ in 0..5 {
        run.frame(3);
        run.tick();
        assert_eq!(run.last.reasons, [Reason::Recovering]);
    }
    run.publish(500);
    run.tick();
    assert_eq!(run.last.state, Ok);
}

#[test]
fn a_slow_camera_is_no_blind_one() {
    for interval_ms in [500, 1_000, 1_500] {
        let mut run = Run::new();
        for _ in 0..30 {
            run.frame(1);
            run.publish(20);
            run.wait(interval_ms);
        }
        assert_eq!(run.said, [(0, Ok)], "every {interval_ms} ms");
        // A second after the next frame was due.
        run.wait(1_000);
        assert_eq!(run.last.state, Blind, "every {interval_ms} ms");
    }
}

#[test]
fn skipping_frames_of_a_slow_camera_is_degraded_and_not_blind() {
    let mut run = Run::new();
    for number in 0..100 {
        run.vitals.load = LoadShedding {
            level: SheddingLevel::Skip,
            every_nth: 4,
        };
        run.frame(1);
        if number % 4 == 0 {
            run.publish(100);
        }
        run.wait(500);
    }
    assert_eq!(run.said, [(0, Degraded)]);
    assert!(run.text().contains("one frame in 4"), "{}", run.text());
}

#[test]
fn heat_and_throttling_degrade_and_heat_does_not_flap() {
    let mut run = Run::new();
    run.see(1_000);
    let zone = |celsius| ThermalZone {
        name: "GPU-therm".into(),
        celsius,
    };
    for (celsius, expected) in [(84.9, Ok), (85.0, Degraded), (80.0, Degraded), (79.9, Ok)] {
        run.heat.zones = vec![zone(celsius)];
        run.see(100);
        assert_eq!(run.last.state, expected, "at {celsius}");
    }
    run.heat.is_throttled = true;
    run.see(100);
    assert_eq!(run.last.reasons, [Reason::Throttled]);
}

#[test]
fn losses_and_a_stuck_sink_degrade_for_some_seconds() {
    let mut run = Run::new();
    run.vitals.sinks = vec![SinkReport {
        sink: "jsonl:/full".into(),
        ..SinkReport::default()
    }];
    run.see(20_000);
    for _ in 0..60 {
        run.vitals.sinks[0].lost += 1;
        run.vitals.drops.sinks += 1;
        run.vitals.drops.source += 1;
        run.see(100);
    }
    assert_eq!(run.last.state, Degraded);
    let text = run.text();
    assert!(
        text.contains("jsonl:/full") && text.contains("lost or damaged"),
        "{text}"
    );
    run.see(15_000);
    assert_eq!(run.last.state, Ok);
    // A camera that is faster than the detector is no fault.
    for _ in 0..100 {
        run.vitals.drops.overwritten += 2;
        run.see(100);
    }
    assert_eq!(run.last.state, Ok);
}

#[test]
fn a_source_that_waits_may_wait_and_its_end_is_not_blind() {
    let mut run = Run::paced(Pace::EveryFrame);
    for _ in 0..5 {
        run.frame(1);
        run.begin();
        run.wait(5_000);
        run.publish(5_000);
    }
    assert_eq!(
        run.said.last().map(|said| said.1),
        Some(Ok),
        "{:?}",
        run.said
    );
    run.vitals.capture.state = CaptureState::Ended;
    run.begin();
    run.wait(9_000);
    assert_eq!(run.last.state, Ok);
}

#[test]
fn a_recording_in_trouble_degrades_and_does_not_hide_blindness() {
    let trouble = || Reason::Recording("the disk is full".into());
    for (state, after, reasons) in [
        (Ok, Degraded, 1),
        (Degraded, Degraded, 2),
        (Blind, Blind, 1),
        (Starting, Starting, 1),
    ] {
        let mut verdict = Verdict::because(state, Reason::Throttled);
        if state == Ok {
            verdict.reasons.clear();
        }
        verdict.degrade(trouble());
        assert_eq!((verdict.state, verdict.reasons.len()), (after, reasons));
    }
    let text = trouble().to_string();
    assert_eq!(text, "recording: the disk is full");
}

#[test]
fn every_reason_is_a_sentence() {
    let silence = Some(Duration::from_secs(2));
    let mut reasons = vec![
        Reason::NoFrameYet,
        Reason::NoInferenceYet,
        Reason::CameraAbsent,
        Reason::NothingSeen { silence },
        Reason::Recovering,
        Reason::Throttled,
        Reason::Stopped,
        Reason::Ended,
        Reason::Failed("the model is gone".into()),
        Reason::Shedding {
            load: LoadShedding {
                level: SheddingLevel::Lite,
                every_nth: 4,
            },
            cause: Some(SheddingCause::Throttled),
        },
    ];
    for capture in [
        CaptureState::Opening,
        CaptureState::Streaming,
        CaptureState::Stalled,
        CaptureState::Lost,
        CaptureState::BackingOff,
        CaptureState::Ended,
    ] {
        reasons.push(Reason::NoFrame { silence, capture });
    }
    for reason in reasons {
        let text = reason.to_string();
        assert!(text.contains(' ') && !text.ends_with('.'), "{text}");
        assert!(!text.contains("  "), "{text}");
    }
}

proptest! {
    /// Whatever a run counts, judging it never panics, and it never sees without publications.
    #[test]
    fn any_counters_are_judged(
        ticks in proptest::collection::vec(
            (any::<u64>(), any::<u32>(), any::<u32>(), any::<Option<u64>>(), any::<Option<u64>>(),
             any::<Option<u64>>(), any::<bool>()),
            0..40,
        ),
    ) {
        let mut judge = Judge::new(Pace::Live, 85.0);
        let heat = Heat::default();
        for (now_ns, captured, published, newest, publication, began, is_absent) in ticks {
            let mut vitals = Vitals { frames: published.into(), ..Vitals::default() };
            vitals.capture.frames = captured.into();
            vitals.capture.is_absent = is_absent;
            vitals.times.first_frame_ns = newest;
            vitals.times.newest_frame_ns = newest;
            vitals.times.first_publication_ns = publication;
            vitals.times.newest_publication_ns = publication;
            vitals.times.inference_began_ns = began;
            vitals.times.inference_took_ns = began;
            // Times beyond some centuries are no times of a monotonic clock.
            let now_ns = now_ns >> 2;
            let seen = Observation { now_ns, vitals: &vitals, heat: &heat, shedding_cause: None };
            let verdict = judge.observe(&seen);
            prop_assert!(publication.is_some() || !verdict.state.sees());
            prop_assert_eq!(verdict.reasons.is_empty(), verdict.state == HealthState::Ok);
        }
    }
}
