//! `lookout replay`: has the model look at recordings.

mod compare;
mod recorded;

pub use compare::ReplayError;

use super::CliError;
use crate::capture::SourceMode;
use crate::config::{RawAnnotate, RawSettings, Settings};
use crate::pipeline::Lookout;
use crate::sink::SinkUri;
use crate::source::{FrameSource, McapSource, Pace, recordings};
use compare::Comparison;
use recorded::Recorded;
use std::path::PathBuf;

/// Options of `lookout replay`.
#[derive(clap::Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Recordings, and folders of them
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Folder of the model [default: as for `run`]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Leave out detections of any class that score less, 0 to 1 [default: the thresholds on
    /// the model's card]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub score: Option<f64>,
    /// Threads of the detector [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub threads: Option<i64>,
    /// Do not follow objects from frame to frame
    #[arg(long)]
    pub no_tracking: bool,
    /// Write frames with boxes, labels and scores as pictures to this folder
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    /// Where detections go; may be given several times [default: jsonl:-, or nowhere with
    /// --compare]
    #[arg(long = "sink", value_name = "URI")]
    pub sinks: Vec<String>,
    /// Tell where detections differ from those that were recorded
    #[arg(long)]
    pub compare: bool,
    /// How many of the frames that differ most --compare lists
    #[arg(long, value_name = "N", default_value_t = 10, requires = "compare",
          value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub worst: u16,
    /// End with exit code 1 where one frame or more differ
    #[arg(long, requires = "compare")]
    pub fail_on_difference: bool,
}

/// Runs `lookout replay`. Every frame is looked at, as fast as that goes.
pub(super) fn run(args: &ReplayArgs) -> Result<(), CliError> {
    let stop = crate::capture::StopFlag::new();
    super::run::stop_on_signals(&stop)?;
    let files = recordings(&args.files).map_err(ReplayError::Source)?;
    let mut comparison = match args.compare {
        true => Some(Comparison::new(Recorded::open(&files), args.worst.into())),
        false => None,
    };
    let opener = {
        let files = files.clone();
        Box::new(move || {
            let source = McapSource::open_all(&files, Pace::EveryFrame)?;
            Ok(Box::new(source) as Box<dyn FrameSource>)
        })
    };
    // Told before the threads start: a file that is not there.
    McapSource::open_all(&files, Pace::EveryFrame).map_err(ReplayError::Source)?;
    let (receiver, handle) = Lookout::builder()
        .config(settings(args)?)
        .stop_flag(stop)
        .source_with(opener, SourceMode::Finite, Pace::EveryFrame)
        .start()?;
    eprintln!(
        "lookout: {} recordings through {}",
        files.len(),
        handle.model_id()
    );
    let mut trouble = None;
    for seen in &receiver {
        if let Some(comparison) = &mut comparison
            && let Err(error) = comparison.take(&seen)
        {
            trouble = Some(error);
            handle.stop();
            break;
        }
    }
    drop(receiver);
    let summary = handle.join();
    if let Some(error) = trouble {
        return Err(error.into());
    }
    let frames = summary.counters.frames;
    let drops = summary.counters.drops.total();
    summary.into_result()?;
    match comparison {
        None => eprintln!("{frames} frames looked at, {drops} frames or messages lost"),
        Some(comparison) => {
            super::print(&comparison.text())?;
            if args.fail_on_difference && !comparison.is_same() {
                return Err(ReplayError::Differs.into());
            }
        }
    }
    Ok(())
}

fn settings(args: &ReplayArgs) -> Result<Settings, CliError> {
    let raw = RawSettings {
        model: args.model.clone(),
        score: args.score,
        threads: args.threads,
        tracking: args.no_tracking.then_some(false),
        sinks: (!args.sinks.is_empty()).then(|| args.sinks.clone()),
        annotate: RawAnnotate {
            directory: args.annotate.clone(),
            ..RawAnnotate::default()
        },
        ..RawSettings::default()
    };
    let mut settings = raw.validate()?;
    if settings.sinks.is_empty() && !args.compare {
        settings.sinks.push(SinkUri::Stdout);
    }
    Ok(settings)
}
