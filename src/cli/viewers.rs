//! Who looks at a run besides sinks: the recording and the live page.

use super::CliError;
use crate::bulletin::Bulletin;
use crate::config::Settings;
use crate::live::{LiveOptions, LivePage, LiveServer, Plugs, Preserve};
use crate::pipeline::{Builder, Observer};
use crate::recording::{Recorder, RecorderHandle, RecorderMeter, RecorderReport};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What is ready to look at a run that has not started.
pub(super) struct Viewers {
    recorder: Option<Recorder>,
    page: Option<LivePage>,
}

/// What looks at a run.
pub(super) struct Watching {
    recorder: Option<Recorder>,
    server: Option<LiveServer>,
}

impl Viewers {
    /// Takes all that can be taken before the start, so that what is wrong is told now, and has
    /// the run pass on to them what it sees.
    pub(super) fn open(
        settings: &Settings,
        bulletin: &Bulletin,
        mut builder: Builder,
    ) -> Result<(Self, Builder), CliError> {
        let mut recorder = None;
        if let Some(record) = &settings.record {
            let (started, tap) = Recorder::start(record, bulletin.clone())?;
            builder = builder.tap(tap);
            recorder = Some(started);
        }
        catch_preserve(recorder.as_ref())?;
        let mut page = None;
        if let Some(live) = settings.live.clone() {
            let (opened, Plugs { tap, sink }) = LivePage::open(LiveOptions {
                settings: live,
                bulletin: bulletin.clone(),
                preserve: recorder.as_ref().map(|recorder| hook(recorder.handle())),
            })?;
            builder = builder.tap(tap).attendant(sink);
            page = Some(opened);
        }
        Ok((Self { recorder, page }, builder))
    }

    /// Whether they want to know how the program is.
    pub(super) fn want_health(&self) -> bool {
        self.recorder.is_some() || self.page.is_some()
    }

    /// What the recording does.
    pub(super) fn recorder(&self) -> Option<RecorderMeter> {
        self.recorder.as_ref().map(Recorder::meter)
    }

    /// Begins to look at the run that has started.
    pub(super) fn start(self, observer: &Observer) -> Result<Watching, CliError> {
        let start = |page: LivePage| page.start(observer.clone());
        let server = self.page.map(start).transpose()?;
        if let Some(server) = &server {
            eprintln!("lookout: live page at http://{}/", server.address());
        }
        Ok(Watching {
            recorder: self.recorder,
            server,
        })
    }
}

/// Catches SIGUSR1 in any case: by default this signal ends a program.
fn catch_preserve(recorder: Option<&Recorder>) -> Result<(), CliError> {
    let flag = match recorder {
        Some(recorder) => recorder.handle().preserve_flag(),
        None => Arc::new(AtomicBool::new(false)),
    };
    super::run::caught(signal_hook::flag::register(libc::SIGUSR1, flag))
}

/// What the page calls to keep the recording.
fn hook(handle: RecorderHandle) -> Preserve {
    Arc::new(move || {
        let asked = handle.preserve("asked for on the live page");
        asked.map_err(|error| error.to_string())
    })
}

impl Watching {
    /// Tells them that the run is over. Gives a sentence about the recording, if there was one.
    pub(super) fn finish(self) -> Option<String> {
        if let Some(server) = self.server {
            server.finish();
        }
        self.recorder.map(|recorder| summary(&recorder.finish()))
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
