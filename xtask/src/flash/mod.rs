//! Verb `flash`: a release on a board over plain ssh, which cannot be bricked by it.
//!
//! The workstation copies one file and asks the board to install it; whether the release stays
//! is decided there, by the board alone, so a connection that breaks changes nothing.

mod follow;
mod password;
mod remote;
mod survey;
mod upload;

pub use remote::{Connection, Remote};

use crate::bundle::{self, BundleArgs, BundleError};
use crate::command::quoted;
use crate::keygen::{KEY_FOLDER, PUBLIC_FILE, SECRET_FILE};
use lookout::release::{ArchiveError, Bundle, KeyError, PublicKey, SecretKey};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use survey::Survey;

/// Options of `cargo xtask flash`.
#[derive(clap::Args, Clone, Debug)]
#[command(
    args_conflicts_with_subcommands = false,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  cargo xtask keygen                                              once
  cargo xtask flash --host nano@192.168.55.1 --board jetson-nano  first time and every time
  cargo xtask flash status --host nano@192.168.55.1
  cargo xtask flash top --host nano@192.168.55.1
  cargo xtask flash rollback --host nano@192.168.55.1

The board needs ssh, systemd, and a user who may become root with sudo. The release goes into the
idle one of two slots, is started, and must see: a fresh frame and its inference. Otherwise the
board goes back to the release before it, by itself."
)]
pub struct FlashArgs {
    /// What to do in place of flashing
    #[command(subcommand)]
    pub verb: Option<FlashVerb>,
    /// How to reach the board
    #[command(flatten)]
    pub connection: Connection,
    /// The board: a file of board/ without its .toml
    #[arg(long, value_name = "BOARD", required = true)]
    pub board: Option<String>,
    /// A bundle that was made before [default: one is made now]
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// The secret key that signs the bundle that is made now
    #[arg(long, value_name = "FILE", default_value_os_t = key_file(SECRET_FILE))]
    pub key: PathBuf,
    /// The public key that has signed --bundle
    #[arg(long, value_name = "FILE", default_value_os_t = key_file(PUBLIC_FILE))]
    pub public_key: PathBuf,
    /// Look at everything and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Let the board trust this key from now on, in place of the one that it trusts
    #[arg(long)]
    pub replace_key: bool,
    /// Flash a release that is older than the one on the board
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Flash a board without a camera, and keep a release that runs and reports that it is blind
    #[arg(long)]
    pub allow_blind: bool,
}

/// What can be done besides flashing.
#[derive(clap::Subcommand, Clone, Debug)]
pub enum FlashVerb {
    /// Tells what is installed, what became of the last flash and how the firmware does
    Status,
    /// Goes back to the release in the other slot
    Rollback,
    /// Shows the log of the firmware
    Logs {
        /// Lines of the past
        #[arg(long, value_name = "N", default_value_t = 100)]
        lines: u32,
        /// Go on with what comes, until interrupted
        #[arg(long)]
        follow: bool,
    },
    /// Shows rate, age, temperature and losses, once a second
    Top {
        /// End after so many lines
        #[arg(long, value_name = "N")]
        times: Option<u32>,
    },
}

fn key_file(name: &str) -> PathBuf {
    Path::new(KEY_FOLDER).join(name)
}

/// Why a board was not flashed. What runs there runs on.
#[derive(Debug, thiserror::Error)]
pub enum FlashError {
    /// No board was named.
    #[error("which board? name it with --host USER@HOST")]
    NoHost,
    /// The name of the board is an option or has spaces.
    #[error("`{0}` is no host; it looks like nano@192.168.55.1")]
    Host(String),
    /// There is no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The bundle is for another board.
    #[error("the bundle is for {found}, and --board says {wanted}")]
    OtherBoard {
        /// What the bundle is for.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// A file here cannot be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file here cannot be made.
    #[error("no temporary folder: {0}")]
    Local(std::io::Error),
    /// There is no ssh here.
    #[error(
        "ssh cannot be started: {0}; install it, on Debian and Ubuntu: apt-get install openssh-client"
    )]
    NoSsh(std::io::Error),
    /// ssh does not get through.
    #[error("no connection to {host}: {reason}")]
    Connection {
        /// The board.
        host: String,
        /// What ssh says.
        reason: String,
    },
    /// The user may not become root.
    #[error("the user of {host} may not become root with sudo; take one who may, or root")]
    NoRoot {
        /// The board.
        host: String,
    },
    /// A command on the board failed.
    #[error("{reason} (`{command}` on the board)")]
    Command {
        /// The command.
        command: String,
        /// What it complained of.
        reason: String,
    },
    /// The board cannot take the release.
    #[error("the board cannot take it: see FAIL above; nothing was changed")]
    Unfit,
    /// The folder for uploads is another's.
    #[error("/var/tmp/lookout-flash-* on the board belongs to another user; remove it there")]
    Folder,
    /// The board's disk filled up on the way.
    #[error(
        "the board's disk is full: make room in /var/tmp and try again; it goes on where it stopped"
    )]
    RemoteFull,
    /// What arrived is not what was sent, twice.
    #[error("what arrives on the board is not what was sent; is its disk sound?")]
    Damaged,
    /// The board answers strangely.
    #[error("the board's answer is not understood: {0}")]
    Reply(String),
    /// The board has not decided in time.
    #[error("the board has not decided after {0} s; look again: cargo xtask flash status")]
    Undecided(u64),
    /// The board went back.
    #[error("{version} was not kept, {running} is in use: {reason}")]
    RolledBack {
        /// What was flashed.
        version: String,
        /// What runs now.
        running: String,
        /// Why.
        reason: String,
    },
    /// The first release on a board is not healthy.
    #[error(
        "the release is installed and not healthy: {0}; there was none before it to go back to"
    )]
    Unhealthy(String),
}

/// Runs `cargo xtask flash`.
pub fn run(args: &FlashArgs) -> Result<(), FlashError> {
    match &args.verb {
        None => {
            println!("{}", flash(args)?);
            Ok(())
        }
        Some(verb) => {
            let remote = Remote::connect(&args.connection)?;
            match verb {
                FlashVerb::Status => follow::show_status(&remote),
                FlashVerb::Rollback => {
                    let command = "/opt/lookout/guard/lookout release rollback";
                    print!("{}", remote.run_as_root(command)?);
                    Ok(())
                }
                FlashVerb::Logs { lines, follow } => follow::logs(&remote, *lines, *follow),
                FlashVerb::Top { times } => follow::top(&remote, *times),
            }
        }
    }
}

/// Flashes a board, and tells what it says in the end.
pub fn flash(args: &FlashArgs) -> Result<String, FlashError> {
    let board = args.board.clone().unwrap_or_default();
    let (bundle, key) = prepared(args, &board)?;
    let bytes = std::fs::metadata(&bundle)
        .map_err(|source| FlashError::File {
            path: bundle.clone(),
            source,
        })?
        .len();
    let manifest = Bundle::open(&bundle, &key)?.verify()?;
    if manifest.board != board {
        let found = manifest.board;
        return Err(FlashError::OtherBoard {
            found,
            wanted: board,
        });
    }
    println!(
        "release   {} for {board}, signed by {key}",
        manifest.version
    );
    let remote = Remote::connect(&args.connection)?;
    let survey = Survey::parse(&remote.run(survey::SCRIPT)?);
    let now_s = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let checks = survey.checks(&manifest, bytes, now_s, args.allow_blind);
    print!("{}", survey::table(&checks));
    if checks
        .iter()
        .any(|check| check.against.is_some() && !check.is_warning)
    {
        return Err(FlashError::Unfit);
    }
    if args.dry_run {
        return Ok("a dry run: nothing was changed".to_owned());
    }
    install(args, &remote, &bundle, &key)?;
    follow::follow(&remote, &manifest)
}

/// The bundle, made now where none is given, and the key that has signed it.
fn prepared(args: &FlashArgs, board: &str) -> Result<(PathBuf, PublicKey), FlashError> {
    if let Some(bundle) = &args.bundle {
        return Ok((bundle.clone(), PublicKey::read(&args.public_key)?));
    }
    let bundled = bundle::bundle(&BundleArgs {
        board: board.to_owned(),
        key: args.key.clone(),
        out: None,
        deb: false,
        binary: None,
        build_number: None,
        health_wait_s: None,
        soak_s: None,
    })?;
    Ok((bundled.path, SecretKey::read(&args.key)?.public()))
}

/// Copies the bundle and lets its own program install it, which checks it once more, there.
fn install(
    args: &FlashArgs,
    remote: &Remote,
    bundle: &Path,
    key: &PublicKey,
) -> Result<(), FlashError> {
    let uploaded = upload::upload(remote, bundle)?;
    let mut options = String::new();
    for (is_wanted, option) in [
        (args.replace_key, " --replace-key"),
        (args.allow_downgrade, " --allow-downgrade"),
        (args.allow_blind, " --allow-blind"),
    ] {
        if is_wanted {
            options += option;
        }
    }
    let (folder, path) = (quoted(&uploaded.folder), quoted(&uploaded.path));
    let script = format!(
        "set -e; cd {folder}; umask 077; printf %s {} > key.pem; \
         tar -xzOf {path} lookout > installer; chmod 700 installer; \
         ./installer release install {path} --key key.pem{options}",
        quoted(&key.to_pem())
    );
    match remote.run_as_root(&script) {
        Ok(said) => print!("{said}"),
        // It may have begun all the same: the status will tell.
        Err(error @ FlashError::Connection { .. }) => eprintln!("xtask: {error}; looking again"),
        Err(error) => return Err(error),
    }
    // What is left of it does not matter.
    let _ = remote.run_as_root(&format!("rm -rf {folder}"));
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;
    use lookout::release::Manifest;

    /// A manifest of a release with one file.
    pub(crate) fn manifest(version: &str) -> Manifest {
        Manifest {
            format: 1,
            version: version.parse().unwrap(),
            board: "lab".to_owned(),
            machine: "aarch64".to_owned(),
            compatible: Vec::new(),
            disk_free_min_bytes: 0,
            health_wait_s: 10,
            soak_s: 5,
            files: Vec::new(),
        }
    }

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        args: FlashArgs,
    }

    fn parse(words: &[&str]) -> Result<FlashArgs, clap::Error> {
        Words::try_parse_from([&["flash"], words].concat()).map(|words| words.args)
    }

    #[test]
    fn flashing_needs_a_board_and_looking_does_not() {
        let args = parse(&["--host", "a@b", "--board", "x", "--port", "2222"]).unwrap();
        assert!(args.verb.is_none());
        assert_eq!(args.connection.port, Some(2222));
        assert!(parse(&["--host", "a@b"]).is_err());
        let args = parse(&["status", "--host", "a@b"]).unwrap();
        assert!(matches!(args.verb, Some(FlashVerb::Status)));
        assert_eq!(args.connection.host.as_deref(), Some("a@b"));
        assert!(matches!(
            run(&parse(&["top"]).unwrap()),
            Err(FlashError::NoHost)
        ));
    }

    #[test]
    fn a_bundle_of_another_board_is_refused_here_already() {
        let work = tempfile::tempdir().unwrap();
        let key = crate::keygen::keygen(work.path()).unwrap();
        let text = b"program";
        let mut manifest = manifest("0.1.0+1");
        manifest.files.push(lookout::release::FileEntry {
            path: "lookout".to_owned(),
            bytes: text.len() as u64,
            executable: true,
            sha256: lookout::model::sha256_hex(text),
        });
        std::fs::write(work.path().join("lookout"), text).unwrap();
        let path = work.path().join("x.bundle");
        lookout::release::write_bundle(&path, &manifest, work.path(), &key).unwrap();
        let public = work.path().join(PUBLIC_FILE);
        let words = [
            "--host",
            "a@b",
            "--board",
            "orin-nano",
            "--bundle",
            path.to_str().unwrap(),
            "--public-key",
            public.to_str().unwrap(),
        ];
        let error = run(&parse(&words).unwrap()).unwrap_err();
        assert!(matches!(error, FlashError::OtherBoard { .. }), "{error}");
    }
}
