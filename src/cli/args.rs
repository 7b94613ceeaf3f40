//! The command line: what may be written, and its help.

use super::capture::CaptureArgs;
use super::release::ReleaseArgs;
use super::replay::ReplayArgs;
use crate::config::{RawAnnotate, RawLive, RawRecord, RawSettings};
use crate::detector::EngineChoice;
use crate::source::SourceUri;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const LONG_ABOUT: &str = "\
Lookout watches the road through a dashcam. It takes frames from a camera, a file or the \
built-in drive, finds cars, trucks, buses, motorcycles, bicycles, scooters, persons and riders \
in them, and passes on what it saw.

Without a command it runs (see `lookout run`). Without a source it takes the first camera that \
can be used, or else the built-in drive, and says which.";

const AFTER_HELP: &str = "\
Sources (--source):
  v4l2:///dev/video0[?size=1280x720&fps=30&format=mjpg|yuyv|nv12|grey&timeout_ms=1000]
                                 a camera; any node or link. It may come and go.
  video:FILE.mp4[?pace=max]      H.264 in MP4, at its own speed or as fast as it goes
  images:FOLDER                  JPEG and PNG pictures, each once, by name
  mjpeg:FILE[?pace=max&fps=30]   JPEG pictures one after the other in one file
  mcap:FILE[?pace=max]           a recording (--record), or a folder of them
  drive:[?seed=7&light=day|overcast|lowsun|dusk|rain&size=768x432&fps=15&frames=150&pace=max]
                                 the built-in drive, rendered in code

Sinks (--sink), any number of them:
  jsonl:-                        JSON lines on standard output
  jsonl:FILE                     JSON lines appended to a file
  unix:/run/lookout.sock         JSON lines to everybody who connects
  mqtt://[USER@]HOST[:1883]/VEHICLE[?qos=0|1&encoding=json|cbor&queue=1000&password_file=FILE]
                                 messages to an MQTT broker, lookout/VEHICLE/detections and so on
  zenoh:VEHICLE[?mode=peer|client&connect=tcp/HOST:7447&encoding=json|cbor&queue=1000]
                                 the same to a Zenoh network (where built with it)

Examples:
  lookout                                        the first camera, or a demonstration
  lookout run --source v4l2:///dev/dashcam --sink unix:/run/lookout.sock
  lookout run --source 'video:drive.mp4?pace=max' --sink jsonl:- | jq .detections
  lookout run --source images:photos --annotate annotated
  lookout run --record recordings                SIGUSR1 keeps the last seconds
  lookout replay recordings --compare            does this model see what was seen then?
  lookout bench --frames 200 --json
  lookout doctor
  lookout doctor --boot                          from power-on to the first detection

Files:
  The model is looked for in ./models/road-288x512, beside the program, in
  ../share/lookout/models beside the program's folder, and in
  /usr/share/lookout/models; --model names another one.

Environment:
  RUST_LOG   what is logged to standard error, for example `debug` or `lookout=warn`

Exit codes:
  0  done; also after SIGINT or SIGTERM, and when the reader of jsonl:- went away
  1  failed; for doctor: live detection could not run; for replay --fail-on-difference: other
     detections
  2  the command line or the configuration file is wrong
  A second SIGINT or SIGTERM ends the program at once, with 130 or 143.";

/// Where the service writes its health.
pub(super) const HEALTH_FILE: &str = "/run/lookout/health.json";

/// Finds road users in the frames of a dashcam.
#[derive(Parser, Debug)]
#[command(
    name = "lookout",
    version,
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do; `run` when nothing is said.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Options of `run`, which also work without naming it.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Looks at frames and passes on what it saw, until the source ends or a signal comes
    #[command(after_help = AFTER_HELP)]
    Run(RunArgs),
    /// Measures how long each stage takes here, on frames of the built-in drive
    Bench(BenchArgs),
    /// Looks for what would keep live detection from working, and says what to do about it
    Doctor(DoctorArgs),
    /// Tells whether files of settings are right, or shows one with every key
    Config(ConfigArgs),
    /// Has the model look at recordings again, and compares with what it saw then
    Replay(ReplayArgs),
    /// Records raw frames of a source, without detection, for diagnosis
    Capture(CaptureArgs),
    /// Installs releases on a board and watches them; `cargo xtask flash` uses this
    Release(ReleaseArgs),
}

/// Options of `lookout config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: ConfigVerb,
}

/// What to do with settings.
#[derive(Subcommand, Debug)]
pub enum ConfigVerb {
    /// Reads files as `run --config` does, and says what is wrong with them
    Check {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Prints a file with every key, what it means and what holds without it
    Example,
}

/// Options of `lookout run`.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct RunArgs {
    /// Where frames come from [default: the first camera, or else drive:]
    #[arg(long, value_name = "URI")]
    pub source: Option<String>,
    /// Folder of the model [default: the first road-288x512 found, see `Files`]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Settings in a TOML file; what the command line says counts more
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Settings in a TOML file that may be missing, and that count more than those of --config:
    /// what the owner of a board changes, which no release touches
    #[arg(long = "override", value_name = "FILE")]
    pub owner: Option<PathBuf>,
    /// Stop after so many frames
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub frames: Option<i64>,
    /// Leave out detections of any class that score less, 0 to 1 [default: the thresholds on
    /// the model's card]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub score: Option<f64>,
    /// Threads of the detector [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub threads: Option<i64>,
    /// Keep each of these threads on a CPU of its own
    #[arg(long)]
    pub pinned: bool,
    /// Do not follow objects from frame to frame
    #[arg(long)]
    pub no_tracking: bool,
    /// Write frames with boxes, labels and scores as pictures to this folder
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    /// A file that is rewritten every second and says whether lookout sees, and if not, why
    #[arg(long, value_name = "FILE")]
    pub health: Option<PathBuf>,
    /// Folder of a smaller model that takes over while the board is too hot or too slow
    #[arg(long, value_name = "DIR")]
    pub lite_model: Option<PathBuf>,
    /// Serve a page with the picture and what is seen in it, for instance at 127.0.0.1:8080
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub live: Option<String>,
    /// File with the token for that page; required where others than this machine may ask
    #[arg(long, value_name = "FILE")]
    pub live_token_file: Option<PathBuf>,
    /// Record what the camera saw to this folder, in a ring of MCAP files
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Where detections go; may be given several times
    #[arg(long = "sink", value_name = "URI")]
    pub sinks: Vec<String>,
}

impl RunArgs {
    /// What is given here as a layer of settings.
    pub fn settings(&self) -> RawSettings {
        RawSettings {
            source: self.source.clone(),
            model: self.model.clone(),
            score: self.score,
            frames: self.frames,
            threads: self.threads,
            pinned: self.pinned.then_some(true),
            tracking: self.no_tracking.then_some(false),
            sinks: (!self.sinks.is_empty()).then(|| self.sinks.clone()),
            health: self.health.clone(),
            lite_model: self.lite_model.clone(),
            annotate: RawAnnotate {
                directory: self.annotate.clone(),
                ..RawAnnotate::default()
            },
            live: RawLive {
                address: self.live.clone(),
                token_file: self.live_token_file.clone(),
            },
            record: RawRecord {
                directory: self.record.clone(),
                ..RawRecord::default()
            },
            ..RawSettings::default()
        }
    }

    /// Whether nothing was asked for, so that a newcomer may be shown something.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Options of `lookout bench`.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// Folder of the model [default: as for `run`]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// How many frames to look at
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub frames: u32,
    /// Threads of the detector
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: u16,
    /// Keep each of these threads on a CPU of its own
    #[arg(long)]
    pub pinned: bool,
    /// Size of the frames in pixels
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    pub size: String,
    /// How the camera is to send them
    #[arg(long, value_name = "FORMAT", default_value = "mjpg")]
    pub format: BenchFormat,
    /// Print JSON in place of the table
    #[arg(long)]
    pub json: bool,
    /// Show each layer of the network in place of the stages, on one thread: shape, kernel,
    /// multiply-accumulates, time, share, and multiply-accumulates per cycle
    #[arg(long)]
    pub explain: bool,
    /// What computes the network: tract, or a set of kernels by its name (see --explain)
    /// [default: the fastest kernels of this CPU]
    #[arg(long, value_name = "NAME")]
    pub engine: Option<String>,
}

/// What the frames of `lookout bench` are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchFormat {
    /// JPEG pictures
    Mjpg,
    /// Packed 4:2:2
    Yuyv,
    /// Planes of 4:2:0
    Nv12,
}

impl BenchFormat {
    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mjpg => "mjpg",
            Self::Yuyv => "yuyv",
            Self::Nv12 => "nv12",
        }
    }
}

impl BenchArgs {
    /// What is to compute the network.
    pub fn engine(&self) -> EngineChoice {
        match self.engine.as_deref() {
            None => EngineChoice::Fastest,
            Some("tract") => EngineChoice::Tract,
            Some(name) => EngineChoice::Kernels(name.to_owned()),
        }
    }
}

/// Options of `lookout doctor`.
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// Folder of the model [default: as for `run`]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// The source that is to be used [default: any camera]
    #[arg(long, value_name = "URI")]
    pub source: Option<SourceUri>,
    /// Show where the time from power-on to the first detection went, in place of the findings
    #[arg(long)]
    pub boot: bool,
    /// The file that a running lookout says its health in
    #[arg(long, value_name = "FILE", default_value = HEALTH_FILE)]
    pub health: PathBuf,
    /// The service of systemd that lookout runs as
    #[arg(long, value_name = "UNIT", default_value = "lookout.service")]
    pub unit: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use clap::CommandFactory;

    fn run_args(words: &[&str]) -> RunArgs {
        let cli = Cli::try_parse_from([&["lookout"], words].concat()).unwrap();
        match cli.verb {
            Some(Verb::Run(args)) => args,
            None => cli.run,
            Some(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_means_run() {
        assert!(run_args(&[]).is_empty());
        assert!(run_args(&["run"]).is_empty());
        let with = run_args(&["--source", "drive:", "--frames", "3"]);
        assert_eq!(
            with,
            run_args(&["run", "--source", "drive:", "--frames", "3"])
        );
        assert_eq!(with.settings().frames, Some(3));
    }

    #[test]
    fn the_command_line_counts_more_than_the_file() {
        let file = RawSettings {
            threads: Some(4),
            score: Some(0.9),
            ..RawSettings::default()
        };
        let args = run_args(&["--score", "0.5", "--sink", "jsonl:-", "--sink", "jsonl:x"]);
        let settings = args.settings().or(file).validate().unwrap();
        assert_eq!((settings.score, settings.threads), (Some(0.5), 4));
        assert_eq!(settings.sinks.len(), 2);
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_the_range() {
        let refused = run_args(&["--frames", "-5"])
            .settings()
            .validate()
            .unwrap_err();
        assert!(refused.to_string().contains("1 to"), "{refused}");
        assert!(Cli::try_parse_from(["lookout", "bench", "--frames", "0"]).is_err());
        assert!(Cli::try_parse_from(["lookout", "bench", "--threads", "65"]).is_err());
    }
}
