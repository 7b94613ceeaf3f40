//! `lookout doctor`: looks for what would keep live detection from working.

mod boot;
mod boot_table;
mod camera;
mod finding;
mod machine;
mod model;
mod systemctl;

use super::{CliError, DoctorArgs, host};
use crate::health::HealthReport;
use crate::thermal::{HeatReader, SYSFS};
use crate::{capture, clock, process};
use finding::{Finding, Level};
use std::path::Path;

/// The link that stands for the camera on a flashed board.
const CAMERA_LINK: &str = "/dev/dashcam";

/// Where releases are on a flashed board.
const RELEASES: &str = "/opt/lookout";

/// Does what was asked for.
pub(super) fn run(args: &DoctorArgs) -> Result<(), CliError> {
    if args.boot {
        boot_table::show(args);
        return Ok(());
    }
    examine(args)
}

/// Looks at everything, prints each finding at once, and fails when one of them does.
fn examine(args: &DoctorArgs) -> Result<(), CliError> {
    let mut is_fit = true;
    let mut tell = |findings: Vec<Finding>| {
        for finding in findings {
            is_fit &= finding.level != Level::Fail;
            println!("{finding}");
        }
    };
    tell(vec![Finding::ok("computer", host::cpu_name())]);
    let cameras = capture::list_cameras();
    tell(camera::cameras(&cameras, args.source.is_some()));
    let is_camera_usable = cameras.iter().any(|camera| camera.usable.is_ok());
    // SAFETY: has no preconditions and cannot fail.
    let user = unsafe { libc::geteuid() };
    let etc_group = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let groups = camera::own_groups();
    tell(vec![camera::group(
        user,
        &groups,
        &etc_group,
        is_camera_usable,
    )]);
    let is_flashed = Path::new(RELEASES).exists();
    tell(vec![camera::link(Path::new(CAMERA_LINK), is_flashed)]);
    if let Some(uri) = &args.source {
        tell(vec![camera::chosen_source(uri)]);
    }
    tell(vec![model::model(args.model.as_deref())]);
    tell(vec![machine::wall_clock(clock::wall_clock_synchronised())]);
    tell(vec![machine::disk(
        Path::new("."),
        crate::release::free_bytes(Path::new(".")),
    )]);
    tell(vec![machine::memory(host::memory_available_bytes())]);
    tell(vec![machine::temperature(&HeatReader::new(SYSFS).read())]);
    tell(vec![machine::watchdog(Path::new(SYSFS))]);
    let health = HealthReport::read(&args.health);
    let (boot_id, now_ns) = (process::boot_id(), clock::monotonic_ns());
    tell(vec![machine::service(health, &boot_id, now_ns)]);
    if is_fit { Ok(()) } else { Err(CliError::Unfit) }
}
