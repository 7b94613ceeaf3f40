//! Who looks at frames besides the detector: the recording.

use super::CliError;
use crate::bulletin::Bulletin;
use crate::config::Settings;
use crate::pipeline::Builder;
use crate::recording::{Recorder, RecorderMeter, RecorderReport};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Those of a run.
pub(super) struct Viewers {
    recorder: Option<Recorder>,
}

impl Viewers {
    /// Starts those that the settings ask for, and has the run pass frames to them.
    pub(super) fn start(
        settings: &Settings,
        bulletin: &Bulletin,
        mut builder: Builder,
    ) -> Result<(Self, Builder), CliError> {
        let mut recorder = None;
        let mut preserve_flag = Arc::new(AtomicBool::new(false));
        if let Some(record) = &settings.record {
            let (started, tap) = Recorder::start(record, bulletin.clone())?;
            builder = builder.tap(tap);
            preserve_flag = started.handle().preserve_flag();
            recorder = Some(started);
        }
        // Caught in any case: by default this signal ends a program.
        super::run::caught(signal_hook::flag::register(libc::SIGUSR1, preserve_flag))?;
        Ok((Self { recorder }, builder))
    }

    /// What the recording does.
    pub(super) fn recorder(&self) -> Option<RecorderMeter> {
        self.recorder.as_ref().map(Recorder::meter)
    }

    /// Ends them, once the run is over.
    pub(super) fn finish(self) {
        if let Some(recorder) = self.recorder {
            eprintln!("{}", summary(&recorder.finish()));
        }
    }
}

fn summary(report: &RecorderReport) -> String {
    let RecorderReport {
        frames,
        lost,
        segments,
        kept_segments,
        ..
    } = report;
    format!(
        "recorded {frames} frames in {segments} files, {lost} frames lost to the recording; \
         {kept_segments} files are kept"
    )
}
