//! Whoever looks at a run from outside: the live page.

use super::CliError;
use crate::bulletin::Bulletin;
use crate::config::Settings;
use crate::live::{LiveOptions, LivePage, LiveServer, Plugs};
use crate::pipeline::{Builder, Observer};

/// What is ready to look at a run that has not started.
pub(super) struct Viewers {
    page: Option<LivePage>,
    plugs: Option<Plugs>,
}

/// What looks at a run.
pub(super) struct Watching {
    server: Option<LiveServer>,
}

impl Viewers {
    /// Takes all that can be taken before the start, so that what is wrong is told now.
    pub(super) fn open(settings: &Settings, bulletin: &Bulletin) -> Result<Self, CliError> {
        let options = settings.live.clone().map(|settings| LiveOptions {
            settings,
            bulletin: bulletin.clone(),
            preserve: None,
        });
        let (page, plugs) = options.map(LivePage::open).transpose()?.unzip();
        Ok(Self { page, plugs })
    }

    /// Whether they want to know how the program is.
    pub(super) fn want_health(&self) -> bool {
        self.page.is_some()
    }

    /// Lets them see what a run will see.
    pub(super) fn plug(&mut self, mut builder: Builder) -> Builder {
        if let Some(Plugs { tap, sink }) = self.plugs.take() {
            builder = builder.tap(tap).attendant(sink);
        }
        builder
    }

    /// Begins to look at the run that has started.
    pub(super) fn start(self, observer: &Observer) -> Result<Watching, CliError> {
        let start = |page: LivePage| page.start(observer.clone());
        let server = self.page.map(start).transpose()?;
        if let Some(server) = &server {
            eprintln!("lookout: live page at http://{}/", server.address());
        }
        Ok(Watching { server })
    }
}

impl Watching {
    /// Tells them that the run is over.
    pub(super) fn finish(self) {
        if let Some(server) = self.server {
            server.finish();
        }
    }
}
