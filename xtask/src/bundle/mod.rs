//! Verb `bundle`: everything that a board runs, as one signed file.

mod deb;
mod stage;
mod version;

pub use stage::{Install, Stage};

use crate::board::{Board, BoardError, FlashTimes};
use crate::build::{self, BuildError};
use crate::keygen::{KEY_FOLDER, SECRET_FILE};
use crate::workspace::{self, WorkspaceError};
use lookout::release::{ArchiveError, KeyError, Manifest, SecretKey, VersionError, write_bundle};
use std::path::{Path, PathBuf};

/// Options of `cargo xtask bundle`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  cargo xtask keygen
  cargo xtask bundle --board orin-nano
  cargo xtask bundle --board generic-aarch64 --deb

The bundle is a compressed tar archive: manifest.toml, its ed25519 signature, and the files that
the manifest lists with their hashes. A .deb installs the same firmware under /usr/lib/lookout,
without the second slot and without going back by itself.")]
pub struct BundleArgs {
    /// The board: a file of board/ without its .toml, or the path of such a file
    #[arg(long, value_name = "BOARD")]
    pub board: String,
    /// The secret key that signs
    #[arg(long, value_name = "FILE", default_value_os_t = default_key())]
    pub key: PathBuf,
    /// The file to write [default: target/board/BOARD/lookout-VERSION.bundle]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Also make a Debian package, without A/B slots
    #[arg(long)]
    pub deb: bool,
    /// Take this program instead of building one
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// Number of the build, the last number of the version [default: the number of commits]
    #[arg(long, value_name = "N")]
    pub build_number: Option<u64>,
    /// Seconds that a fresh release has to become healthy [default: as the board's file says]
    #[arg(long, value_name = "S")]
    pub health_wait_s: Option<u32>,
    /// Seconds that it is then watched [default: as the board's file says]
    #[arg(long, value_name = "S")]
    pub soak_s: Option<u32>,
}

/// The key that `keygen` makes unless told otherwise.
fn default_key() -> PathBuf {
    Path::new(KEY_FOLDER).join(SECRET_FILE)
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The board's file cannot be used.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// There is no program.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The archive cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The version makes no sense.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The number of commits is unknown.
    #[error("the number of commits is unknown ({0}); give a number with --build-number")]
    NoCommits(String),
    /// The workspace cannot be found.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A model of the board is not there.
    #[error("board {board} wants the model {model}, and models/{model} is not there")]
    NoModel {
        /// The board.
        board: String,
        /// The model.
        model: String,
    },
    /// A unit names a value that nobody has.
    #[error("{path}: nobody knows {name}")]
    Placeholder {
        /// The unit.
        path: PathBuf,
        /// The placeholder.
        name: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A bundle that was made.
#[derive(Clone, Debug)]
pub struct Bundled {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// What is in it.
    pub manifest: Manifest,
    /// The Debian package, where one was wanted.
    pub deb: Option<PathBuf>,
}

/// Runs `cargo xtask bundle`.
pub fn run(args: &BundleArgs) -> Result<(), BundleError> {
    let bundled = bundle(args)?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "release: {} for {}",
        bundled.manifest.version, bundled.manifest.board
    );
    println!(
        "bundle:  {} ({:.1} MB; {:.1} MB on the board)",
        bundled.path.display(),
        megabytes(bundled.bytes),
        megabytes(bundled.manifest.unpacked_bytes())
    );
    if let Some(deb) = bundled.deb {
        println!("package: {}", deb.display());
    }
    Ok(())
}

/// Makes a bundle.
pub fn bundle(args: &BundleArgs) -> Result<Bundled, BundleError> {
    let board = Board::load(&args.board)?;
    // Before the long part.
    let key = SecretKey::read(&args.key)?;
    let version = version::version(args.build_number)?;
    let binary = match &args.binary {
        Some(path) => path.clone(),
        None => build::build(&board)?.binary,
    };
    let folder = workspace::target_dir()?.join("board").join(&board.name);
    let stage = Stage::make(&folder.join("release"), &board, &binary, Install::Slots)?;
    let times = FlashTimes {
        health_wait_s: args.health_wait_s.unwrap_or(board.flash.health_wait_s),
        soak_s: args.soak_s.unwrap_or(board.flash.soak_s),
    };
    let manifest = stage.manifest(&board, version.clone(), times)?;
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| folder.join(format!("lookout-{version}.bundle")));
    write_bundle(&path, &manifest, stage.folder(), &key)?;
    let bytes = std::fs::metadata(&path).map_err(file_error(&path))?.len();
    let deb = args
        .deb
        .then(|| {
            let stage = Stage::make(&folder.join("deb"), &board, &binary, Install::Package)?;
            deb::write(&folder, &stage, &version)
        })
        .transpose()?;
    Ok(Bundled {
        path,
        bytes,
        manifest,
        deb,
    })
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> BundleError + use<> {
    let path = path.to_owned();
    move |source| BundleError::File {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
