//! Verb `lab fleet`: `board/fleet/start.sh` under the load of simulated vehicles.

mod centre;
mod vehicle;

use super::LabError;
use crate::workspace;
use centre::Centre;
use std::time::{Duration, Instant};
use vehicle::{Vehicle, drives};

/// How long the database may take for the last samples.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(20);

/// Options of `cargo xtask lab fleet`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  cargo xtask lab fleet --vehicles 50 --seconds 60\n\n\
Every vehicle is the MQTT sink of the firmware, fed with the known boxes of a rendered drive."
)]
pub struct FleetArgs {
    /// Number of vehicles
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub vehicles: u32,
    /// How long they drive, in seconds
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Frames a second of each vehicle
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub fps: u32,
}

/// What all vehicles together did.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    published: u64,
    lost: u64,
}

/// Runs `cargo xtask lab fleet`.
pub fn run(args: &FleetArgs) -> Result<(), LabError> {
    let folder = workspace::target_dir()?.join("lab/fleet");
    let drives = drives(args.fps)?;
    let centre = Centre::start(&folder)?;
    let began = Instant::now();
    let time = Duration::from_secs(args.seconds.into());
    let start = |number: u32| {
        let drive = drives[number as usize % drives.len()].clone();
        Vehicle::start(number, centre.mqtt_port(), drive, args.fps)
    };
    let vehicles: Result<Vec<Vehicle>, LabError> = (0..args.vehicles).map(start).collect();
    let vehicles = vehicles?;
    let cpu_began = centre.cpu_times()?;
    std::thread::sleep(time.saturating_sub(began.elapsed()));
    let cpu_ended = centre.cpu_times()?;
    let mut tally = Tally::default();
    for vehicle in vehicles {
        let (published, lost) = vehicle.stop();
        tally.published += published;
        tally.lost += lost;
    }
    let driven_s = began.elapsed().as_secs_f64();
    let stored = settle(&centre, tally.published - tally.lost)?;
    let rate = tally.published as f64 / driven_s;
    println!(
        "{} vehicles for {driven_s:.0} s: {rate:.0} messages a second",
        args.vehicles
    );
    println!("published  {:>9}", tally.published);
    println!("lost       {:>9}  (by the sinks' own count)", tally.lost);
    println!("stored     {stored:>9}  (numbers in the database)");
    for (name, seconds) in cpu_ended {
        let before = cpu_began.iter().find(|(known, _)| *known == name);
        let used = seconds - before.map_or(0.0, |(_, seconds)| *seconds);
        println!("{name:<17} {:>5.1} % of one CPU", 100.0 * used / driven_s);
    }
    if stored + tally.lost == tally.published {
        return Ok(());
    }
    Err(LabError::Differs(format!(
        "{} messages were neither stored nor counted as lost; {} has the logs",
        tally.published.abs_diff(stored + tally.lost),
        folder.display()
    )))
}

/// Waits until the database has all that it should, or enough time has passed.
fn settle(centre: &Centre, expected: u64) -> Result<u64, LabError> {
    let began = Instant::now();
    loop {
        let stored = centre.stored()?;
        if stored >= expected || began.elapsed() > SETTLE_TIME_MAX {
            return Ok(stored);
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}
