//! A USB (UVC) camera made of software, for tests in a Linux guest.
//!
//! It plays clips to the kernel's own USB/IP host controller (`vhci_hcd`), so that
//! the kernel's real `uvcvideo` driver finds a camera and makes /dev/videoN.
//! Needs root and `modprobe -a vhci-hcd uvcvideo`.
//!
//! ```text
//! uvcsim mjpeg:1280x720:CLIP.mjpeg [yuyv:640x480:CLIP.yuyv]
//! ```
//!
//! Every format is offered at 30 and at 10 frames a second. The camera starts
//! plugged in. Commands on standard input, one a line: `plug`, `unplug`, `freeze`
//! (the camera stays but sends nothing), `thaw`, `tear` (the next frame ends in
//! the middle), `quit`.

mod camera;
mod clip;
mod descriptors;
mod usbip;

use camera::{Camera, Faults};
use clip::Format;
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A configuration descriptor has room for more, but no test needs it.
const FORMATS_MAX: usize = 4;

fn plug(formats: &Arc<Vec<Format>>, faults: &Arc<Faults>) -> io::Result<()> {
    let socket = usbip::attach()?;
    let (formats, faults) = (Arc::clone(formats), Arc::clone(faults));
    std::thread::spawn(move || {
        // An error here is how an unplugged camera ends: the kernel hung up.
        let _ = usbip::serve(socket, Camera::new(&formats, &faults));
    });
    Ok(())
}

fn run() -> Result<(), String> {
    let formats: Vec<Format> = std::env::args()
        .skip(1)
        .map(|text| Format::load(&text))
        .collect::<Result<_, _>>()?;
    if formats.is_empty() || formats.len() > FORMATS_MAX {
        return Err(format!(
            "usage: uvcsim mjpeg|yuyv:WIDTHxHEIGHT:FILE... (1 to {FORMATS_MAX})"
        ));
    }
    let formats = Arc::new(formats);
    let faults = Arc::new(Faults::default());
    let vhci = |e: io::Error| format!("vhci_hcd: {e}; try: modprobe -a vhci-hcd uvcvideo");
    plug(&formats, &faults).map_err(vhci)?;
    for line in io::stdin().lock().lines() {
        match line.map_err(|e| e.to_string())?.trim() {
            "plug" => plug(&formats, &faults).map_err(vhci)?,
            "unplug" => usbip::detach().map_err(vhci)?,
            "freeze" => faults.frozen.store(true, Ordering::Relaxed),
            "thaw" => faults.frozen.store(false, Ordering::Relaxed),
            "tear" => faults.tear_next.store(true, Ordering::Relaxed),
            "quit" => break,
            other => eprintln!("uvcsim: unknown command {other:?}"),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("uvcsim: {message}");
            ExitCode::FAILURE
        }
    }
}
