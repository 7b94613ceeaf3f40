//! `lab board`: the virtual board, for people.

use super::super::LabError;
use super::camera::{self, UsbCamera};
use super::{BoardImage, BootOptions, LabBoard, Overlay};
use crate::workspace;

/// Options of `cargo xtask lab board`.
#[derive(clap::Args, Clone, Debug)]
pub struct BoardArgs {
    /// Go on with the disk of the last time; otherwise the board is as new
    #[arg(long)]
    pub keep: bool,
    /// Plug in the simulated USB camera, in place of the kernel's virtual one
    #[arg(long)]
    pub usb_camera: bool,
}

/// Runs `cargo xtask lab board` until the board is shut down or Ctrl-C.
pub fn run(args: &BoardArgs) -> Result<(), LabError> {
    let image = BoardImage::build()?;
    let folder = workspace::target_dir()?.join("lab/board/run");
    let overlay = if args.keep {
        Overlay::kept(&image, &folder)?
    } else {
        Overlay::fresh(&image, &folder)?
    };
    let options = BootOptions {
        no_vivid: args.usb_camera,
        ..BootOptions::default()
    };
    let mut board = LabBoard::start_with(&overlay, &options)?;
    println!("booting; its console is {}", overlay.console().display());
    let took = board.wait_for_ssh()?;
    println!("up after {:.1} s", took.as_secs_f32());
    if args.usb_camera {
        UsbCamera::install(&board, &camera::standard_cameras())?;
        println!(
            "camera: `echo unplug > {}`, also plug, freeze, thaw",
            camera::FIFO
        );
    }
    let config = board.ssh_config().display().to_string();
    println!("log in: ssh -F {config} board        (as root)");
    println!("        ssh -F {config} jetson@board (must ask sudo)");
    println!(
        "flash:  --host {} --port {}, key {}",
        board.host(),
        board.port(),
        board.key().display()
    );
    println!("end:    `poweroff` on the board, or Ctrl-C here, which pulls its plug");
    board.wait()
}
