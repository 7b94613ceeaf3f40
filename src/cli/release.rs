//! `lookout release`: what `cargo xtask flash` starts on the board.

use crate::release::trial::{self, TrialError};
use crate::release::{
    self, InstallError, InstallOptions, KeyError, Layout, LayoutError, Linux, PublicKey, Status,
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Options of `lookout release`.
#[derive(Args, Clone, Debug)]
pub struct ReleaseArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: ReleaseVerb,
}

/// What can be done with releases.
#[derive(Subcommand, Clone, Debug)]
pub enum ReleaseVerb {
    /// Installs a bundle in the idle slot and starts it on trial; as root
    Install(InstallArgs),
    /// Watches the release that is on trial to the end of the trial; systemd starts this
    Guard,
    /// Goes back to the release in the other slot; as root
    Rollback,
    /// Tells what is installed, what is on trial and how the firmware does
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Options of `lookout release install`.
#[derive(Args, Clone, Debug)]
pub struct InstallArgs {
    /// The bundle
    pub bundle: PathBuf,
    /// The public key that must have signed it; a board that trusts one takes no other
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Let the board trust this key from now on
    #[arg(long)]
    pub replace_key: bool,
    /// Take a release that is older than the one in use
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Take a release that runs and reports that it is blind, for a board without a camera
    #[arg(long)]
    pub allow_blind: bool,
}

/// Why a command about releases failed.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing was installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The trial was not brought to its end.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// The board's folders are not as they should be.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The status cannot be written.
    #[error("the status cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Does it.
pub(super) fn run(args: &ReleaseArgs) -> Result<(), ReleaseError> {
    let (layout, mut system) = (Layout::default(), Linux);
    match &args.verb {
        ReleaseVerb::Install(args) => {
            let options = InstallOptions {
                key: PublicKey::read(&args.key)?,
                replace_key: args.replace_key,
                allow_downgrade: args.allow_downgrade,
                allow_blind: args.allow_blind,
            };
            let installed = release::install(&layout, &mut system, &args.bundle, &options)?;
            let (version, slot) = (installed.version, installed.slot);
            match installed.before {
                Some(before) => println!("{version} is on trial in slot {slot}, after {before}"),
                None => println!("{version} is on trial in slot {slot}, the first here"),
            }
        }
        ReleaseVerb::Guard => match trial::guard(&layout, &mut system)? {
            Some(outcome) => log::info!(
                "release {}: {:?}: {}",
                outcome.version,
                outcome.verdict,
                outcome.reason
            ),
            None => log::info!("no release is on trial"),
        },
        ReleaseVerb::Rollback => {
            let version = release::rollback(&layout, &mut system)?;
            println!("{version} is in use again");
        }
        ReleaseVerb::Status { json } => {
            let status = release::status(&layout)?;
            if *json {
                println!("{}", serde_json::to_string(&status)?);
            } else {
                print!("{}", text(&status));
            }
        }
    }
    Ok(())
}

/// The status for people.
pub fn text(status: &Status) -> String {
    let or_none = |version: &Option<release::Version>| {
        version
            .as_ref()
            .map_or("none".to_owned(), |version| version.to_string())
    };
    let mut lines = vec![format!(
        "in use:   {} {}",
        or_none(&status.version),
        status
            .slot
            .map_or(String::new(), |slot| format!("(slot {slot})"))
    )];
    if let Some(board) = &status.board {
        lines.push(format!("board:    {board}"));
    }
    lines.push(format!("other:    {}", or_none(&status.other_version)));
    if let Some(version) = &status.trial {
        lines.push(format!("on trial: {version}"));
    }
    if let Some(outcome) = &status.outcome {
        lines.push(format!(
            "last:     {} {:?}: {}",
            outcome.version, outcome.verdict, outcome.reason
        ));
    }
    let health = match &status.health {
        None => "nothing is reported; is it running? `systemctl status lookout`".to_owned(),
        Some(_) if !status.health_is_current => "nothing is reported since this boot".to_owned(),
        Some(report) => format!(
            "{}; {} frames looked at",
            report.summary(),
            report.inferences
        ),
    };
    lines.push(format!("health:   {health}"));
    lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::release::{Outcome, Verdict};

    #[test]
    fn the_status_tells_all_and_survives_json() {
        let version = |text: &str| text.parse::<release::Version>().unwrap();
        let mut status = Status {
            slot: Some(release::Slot::B),
            version: Some(version("0.1.0+2")),
            board: Some("lab".to_owned()),
            other_version: Some(version("0.1.0+1")),
            trial: Some(version("0.1.0+2")),
            outcome: Some(Outcome {
                version: version("0.1.0+1"),
                verdict: Verdict::RolledBack,
                reason: "it is blind".to_owned(),
            }),
            health: None,
            health_is_current: false,
        };
        let told = text(&status);
        for words in [
            "0.1.0+2 (slot b)",
            "lab",
            "0.1.0+1",
            "RolledBack: it is blind",
            "systemctl",
        ] {
            assert!(told.contains(words), "no {words} in {told}");
        }
        let json = serde_json::to_string(&status).unwrap();
        let again: Status = serde_json::from_str(&json).unwrap();
        assert_eq!(text(&again), told);
        status.slot = None;
        status.version = None;
        assert!(text(&status).starts_with("in use:   none\n"));
    }
}
