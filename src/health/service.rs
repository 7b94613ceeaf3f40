//! What a service tells systemd: that it is ready, how it is, that it is alive, that it stops.

use super::watchdog::Feeder;
use crate::clock::monotonic_ns;
use crate::pipeline::Vitals;
use sd_notify::NotifyState;

/// The service manager, where there is one that wants to be told (`Type=notify`).
#[derive(Debug)]
pub struct Service {
    feeder: Option<Feeder>,
    status: String,
    is_deaf: bool,
}

impl Service {
    /// The service manager that started this program; `None` where none did.
    pub fn from_environment() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let feeder = sd_notify::watchdog_enabled()
            .filter(|period| !period.is_zero())
            .map(|period| Feeder::new(period, monotonic_ns()));
        Some(Self {
            feeder,
            status: String::new(),
            is_deaf: false,
        })
    }

    /// Says that the program does its work from now on.
    pub fn ready(&mut self) {
        self.notify(&[NotifyState::Ready]);
    }

    /// Says that the program is about to end, as it was asked to.
    pub fn stopping(&mut self) {
        self.notify(&[NotifyState::Stopping]);
    }

    /// Shows this line in `systemctl status`, if it is another than before.
    pub fn status(&mut self, line: String) {
        if line != self.status {
            self.notify(&[NotifyState::Status(&line)]);
            self.status = line;
        }
    }

    /// Feeds the watchdog, if there is one and the run deserves it.
    pub fn feed(&mut self, vitals: &Vitals) {
        let now_ns = monotonic_ns();
        if let Some(feeder) = &mut self.feeder
            && feeder.is_due(now_ns, vitals)
        {
            self.notify(&[NotifyState::Watchdog]);
        }
    }

    fn notify(&mut self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states)
            && !std::mem::replace(&mut self.is_deaf, true)
        {
            log::warn!("systemd cannot be told how lookout is: {error}; see NotifyAccess=");
        }
    }
}
