//! A USB (UVC) camera made of software, for tests in a Linux guest.
//!
//! It plays clips to the kernel's own USB/IP host controller (`vhci_hcd`), so that
//! the kernel's real `uvcvideo` driver finds a camera and makes /dev/videoN.
//! Needs root and `modprobe -a vhci-hcd uvcvideo`.
//!
//! ```text
//! uvcsim mjpeg:1280x720:CLIP.mjpeg [yuyv:640x480:CLIP.yuyv] [-- FORMAT...]...
//! ```
//!
//! Every format is offered at 30 and at 10 frames a second. Between `--` stand the formats of
//! further cameras, which can take the place of the first. The camera starts plugged in.
//! Commands on standard input, one a line: `plug`, `unplug`, `use N` (which camera is plugged
//! in next, from 1), `freeze` (the camera stays but sends nothing), `thaw`, `tear` (the next
//! frame ends in the middle), `quit`. A camera that is plugged in is never frozen.

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
use std::time::Duration;

/// A configuration descriptor has room for more, but no test needs it.
const FORMATS_MAX: usize = 4;
/// The serial number tells the cameras apart by one digit.
const CAMERAS_MAX: usize = 9;
/// The kernel needs a moment to clear the port of the camera that was there before.
const ATTEMPTS_MAX: u32 = 50;
const ATTEMPT_PERIOD: Duration = Duration::from_millis(100);

/// What can be plugged in, and what is.
struct Plug {
    cameras: Vec<Arc<Vec<Format>>>,
    faults: Arc<Faults>,
    /// From 0.
    chosen: usize,
}

impl Plug {
    /// Reads the command line.
    fn new(arguments: &[String]) -> Result<Self, String> {
        let load = |words: &[String]| -> Result<Arc<Vec<Format>>, String> {
            if words.is_empty() || words.len() > FORMATS_MAX {
                return Err(format!(
                    "usage: uvcsim mjpeg|yuyv:WIDTHxHEIGHT:FILE... [-- FORMAT...] \
                     (1 to {FORMATS_MAX} formats of 1 to {CAMERAS_MAX} cameras)"
                ));
            }
            let formats = words.iter().map(|text| Format::load(text));
            Ok(Arc::new(formats.collect::<Result<_, _>>()?))
        };
        let cameras: Vec<_> = arguments
            .split(|word| word == "--")
            .map(load)
            .collect::<Result<_, _>>()?;
        if cameras.len() > CAMERAS_MAX {
            return Err(format!("more than {CAMERAS_MAX} cameras"));
        }
        Ok(Self {
            cameras,
            faults: Arc::default(),
            chosen: 0,
        })
    }

    /// Does what a line of standard input says; `false` to quit.
    fn obey(&mut self, line: &str) -> Result<bool, String> {
        let vhci = |e: io::Error| format!("vhci_hcd: {e}; try: modprobe -a vhci-hcd uvcvideo");
        match line {
            "plug" => self.plug_in().map_err(vhci)?,
            "unplug" => usbip::detach().map_err(vhci)?,
            "freeze" => self.faults.frozen.store(true, Ordering::Relaxed),
            "thaw" => self.faults.frozen.store(false, Ordering::Relaxed),
            "tear" => self.faults.tear_next.store(true, Ordering::Relaxed),
            "quit" => return Ok(false),
            other => match other
                .strip_prefix("use ")
                .and_then(|n| n.parse::<usize>().ok())
            {
                Some(number) if (1..=self.cameras.len()).contains(&number) => {
                    self.chosen = number - 1;
                }
                _ => eprintln!("uvcsim: unknown command {other:?}"),
            },
        }
        Ok(true)
    }

    fn plug_in(&self) -> io::Result<()> {
        self.faults.frozen.store(false, Ordering::Relaxed);
        let mut attempts = 1;
        let socket = loop {
            match usbip::attach() {
                Err(_) if attempts < ATTEMPTS_MAX => attempts += 1,
                attached => break attached?,
            }
            std::thread::sleep(ATTEMPT_PERIOD);
        };
        let (formats, faults) = (
            Arc::clone(&self.cameras[self.chosen]),
            Arc::clone(&self.faults),
        );
        let number = self.chosen as u8 + 1;
        std::thread::spawn(move || {
            // An error here is how an unplugged camera ends: the kernel hung up.
            let _ = usbip::serve(socket, Camera::new(number, &formats, &faults));
        });
        Ok(())
    }
}

fn run() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut plug = Plug::new(&arguments)?;
    plug.obey("plug")?;
    for line in io::stdin().lock().lines() {
        if !plug.obey(line.map_err(|e| e.to_string())?.trim())? {
            break;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_chosen_by_number_and_nonsense_is_survived() {
        let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert!(Plug::new(&words("--")).is_err());
        assert!(Plug::new(&[]).is_err());
        let mut plug = Plug {
            cameras: vec![Arc::default(), Arc::default()],
            faults: Arc::default(),
            chosen: 0,
        };
        for (line, chosen) in [
            ("use 2", 1),
            ("use 3", 1),
            ("use 0", 1),
            ("use 1", 0),
            ("x", 0),
        ] {
            assert_eq!(plug.obey(line), Ok(true));
            assert_eq!(plug.chosen, chosen, "{line}");
        }
        assert_eq!(plug.obey("quit"), Ok(false));
    }
}
