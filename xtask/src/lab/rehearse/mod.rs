//! `lab rehearse`: everything that can go wrong when a board is flashed, on the virtual board and
//! with the real `flash`.

mod cuts;
mod figures;
mod flasher;
mod releases;
mod scenes;

use super::board::{BoardImage, LabBoard, Overlay};
use super::{LabError, file_error};
use crate::board::{Board, BoardError, FlashTimes};
use crate::build::{self, BuildError};
use crate::bundle::BundleError;
use crate::keygen::{self, KeygenError, PUBLIC_FILE};
use crate::workspace::{self, WorkspaceError};
use flasher::{Flash, Flashed};
use lookout::release::{ArchiveError, SecretKey, Status, VersionError};
use releases::{Kind, Release, Releases};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The board whose firmware is rehearsed.
const BOARD: &str = "qemu-arm64";
/// How long a release here has to see, and to go on seeing: the machine is emulated, on a
/// workstation that may be busy.
const TIMES: FlashTimes = FlashTimes {
    health_wait_s: 60,
    soak_s: 4,
};
/// How long a board may take from its boot to a release that sees and is no longer on trial.
const HEALTHY_TIME_MAX: Duration = Duration::from_secs(240);
const LOOK_PERIOD: Duration = Duration::from_millis(500);

/// Options of `cargo xtask lab rehearse`.
#[derive(clap::Args, Clone, Debug)]
pub struct RehearseArgs {
    /// How often the power is cut at a random moment of a flash
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub cuts: u32,
    /// What decides the moments
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Only the scenes whose name holds this; the first flash is always made
    #[arg(long, value_name = "WORD")]
    pub only: Option<String>,
    /// Write what the board tells about the service into board/README.md
    #[arg(long)]
    pub figures: bool,
    /// The firmware, in place of building it
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
}

/// Why a rehearsal could not be made or went wrong.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The lab cannot be used.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The board's file cannot be used.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// There is no firmware.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A bundle cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A version makes no sense.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// There are no keys.
    #[error(transparent)]
    Keygen(#[from] KeygenError),
    /// The workspace cannot be found.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A flash did not come to an end.
    #[error("a flash did not end; what it printed is in {0}")]
    Endless(PathBuf),
    /// Something is not as it should be.
    #[error("{0}")]
    Wrong(String),
    /// Some scenes failed.
    #[error("{failed} of {all} scenes failed; what the flashes printed is in {folder}")]
    Failed {
        /// Scenes that failed.
        failed: usize,
        /// All scenes.
        all: usize,
        /// Where the logs are.
        folder: PathBuf,
    },
}

/// The virtual board and all that is flashed onto it.
struct Stagehand {
    board: LabBoard,
    overlay: Overlay,
    releases: Releases,
    key: SecretKey,
    public_key: PathBuf,
    other_key: SecretKey,
    other_public_key: PathBuf,
    folder: PathBuf,
    flashes: u32,
}

/// Runs `cargo xtask lab rehearse`.
pub fn run(args: &RehearseArgs) -> Result<(), RehearseError> {
    super::require_program("scp", "openssh-client")?;
    let mut stagehand = Stagehand::prepare(args)?;
    let began = Instant::now();
    let (mut all, mut failed) = (0, 0);
    for (name, scene) in scenes::SCENES {
        let is_first = all == 0;
        let is_wanted = args
            .only
            .as_ref()
            .is_none_or(|word| name.contains(word.as_str()));
        if !is_wanted && !is_first {
            continue;
        }
        all += 1;
        let is_fine = told(began, name, scene(&mut stagehand));
        if !is_fine {
            failed += 1;
            stagehand.keep_logs(name);
        }
        if is_first && !is_fine {
            // There is nothing to rehearse on.
            let folder = stagehand.folder.clone();
            return Err(RehearseError::Failed {
                failed,
                all,
                folder,
            });
        }
    }
    let mut random = fastrand::Rng::with_seed(args.seed);
    let is_wanted = args
        .only
        .as_ref()
        .is_none_or(|word| "power cut".contains(word.as_str()));
    for cut in 0..if is_wanted { args.cuts } else { 0 } {
        let name = format!("power cut {} of {}", cut + 1, args.cuts);
        all += 1;
        let result = cuts::cut(&mut stagehand, &mut random);
        let is_fatal = matches!(result, Err(RehearseError::Lab(_)));
        if !told(began, &name, result) {
            failed += 1;
            stagehand.keep_logs(&name);
        }
        if is_fatal {
            break;
        }
    }
    if args.figures {
        all += 1;
        failed += usize::from(!told(began, "figures", figures::write(&mut stagehand)));
    }
    let folder = stagehand.folder.clone();
    all += 1;
    failed += usize::from(!told(began, "file system clean", stagehand.end()));
    println!(
        "{} of {all} scenes passed in {} s",
        all - failed,
        began.elapsed().as_secs()
    );
    if failed == 0 {
        return Ok(());
    }
    Err(RehearseError::Failed {
        failed,
        all,
        folder,
    })
}

/// Prints a line about a scene, and tells whether it went well.
fn told(began: Instant, name: &str, result: Result<String, RehearseError>) -> bool {
    let (word, remark) = match &result {
        Ok(remark) => ("ok", remark.clone()),
        Err(error) => ("FAILED", error.to_string()),
    };
    println!(
        "{:6.1} s  {word:6}  {name}: {remark}",
        began.elapsed().as_secs_f32()
    );
    result.is_ok()
}

impl Stagehand {
    fn prepare(args: &RehearseArgs) -> Result<Self, RehearseError> {
        let board = Board::load(BOARD)?;
        let binary = match &args.binary {
            Some(path) => path.clone(),
            None => build::build(&board)?.binary,
        };
        let image = BoardImage::build()?;
        let folder = workspace::target_dir()?.join("lab/rehearse");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(file_error(&folder))?;
        }
        let overlay = Overlay::fresh(&image, &folder)?;
        let mut machine = LabBoard::start(&overlay)?;
        let (keys, other) = (folder.join("keys"), folder.join("other-keys"));
        let (key, other_key) = (keygen::keygen(&keys)?, keygen::keygen(&other)?);
        let took = machine.wait_for_ssh()?;
        println!("the virtual board is up after {:.0} s", took.as_secs_f32());
        Ok(Self {
            board: machine,
            overlay,
            releases: Releases::new(&folder, &board, &binary),
            key,
            public_key: keys.join(PUBLIC_FILE),
            other_key,
            other_public_key: other.join(PUBLIC_FILE),
            folder,
            flashes: 0,
        })
    }

    /// The next release of a kind.
    fn make(&mut self, kind: Kind) -> Result<Release, RehearseError> {
        self.releases.make(kind, &TIMES, &self.key)
    }

    /// Starts flashing as root, with the key that has signed it.
    fn start(&mut self, release: &Release, more: &[&str]) -> Result<Flash, RehearseError> {
        self.start_as(&self.board.host(), release, &self.public_key.clone(), more)
    }

    fn start_as(
        &mut self,
        host: &str,
        release: &Release,
        public_key: &std::path::Path,
        more: &[&str],
    ) -> Result<Flash, RehearseError> {
        let log = self.next_log();
        Flash::start(&self.board, host, release, public_key, more, &log)
    }

    /// As the user of the board, at a terminal, typing `password` where one is asked for.
    fn start_typing(&mut self, release: &Release, password: &str) -> Result<Flash, RehearseError> {
        let host = self.board.user_host();
        let log = self.next_log();
        let (board, key) = (&self.board, &self.public_key);
        Flash::start_typing(board, &host, release, key, password, &log)
    }

    fn next_log(&mut self) -> PathBuf {
        self.flashes += 1;
        self.folder.join(format!("flash-{}.log", self.flashes))
    }

    /// Flashes to the end.
    fn flash(&mut self, release: &Release, more: &[&str]) -> Result<Flashed, RehearseError> {
        self.start(release, more)?.wait()
    }

    /// What the board says of itself.
    fn status(&self) -> Result<Status, RehearseError> {
        let command = "/opt/lookout/guard/lookout release status --json";
        let text = self.board.ssh_ok(command)?;
        serde_json::from_str(&text)
            .map_err(|error| RehearseError::Wrong(format!("status: {error} in {text}")))
    }

    /// Waits until a release sees and none is on trial.
    fn healthy(&self) -> Result<Status, RehearseError> {
        let began = Instant::now();
        loop {
            let status = self.status()?;
            let sees = status.health_is_current
                && status.health.as_ref().is_some_and(|health| {
                    ["ok", "degraded"].contains(&health.state.as_str()) && health.inferences > 0
                });
            if sees && status.trial.is_none() {
                return Ok(status);
            }
            if began.elapsed() > HEALTHY_TIME_MAX {
                let seconds = began.elapsed().as_secs();
                let text = format!("not healthy after {seconds} s: {status:?}");
                return Err(RehearseError::Wrong(text));
            }
            std::thread::sleep(LOOK_PERIOD);
        }
    }

    /// The release in use must be this one, and it must see.
    fn expect_in_use(&self, release: &Release) -> Result<String, RehearseError> {
        let status = self.healthy()?;
        if status.version.as_ref() == Some(&release.manifest.version) {
            return Ok(format!("{} is in use and sees", release.manifest.version));
        }
        let wanted = &release.manifest.version;
        Err(RehearseError::Wrong(format!(
            "{wanted} should be in use: {status:?}"
        )))
    }

    /// Keeps what the board logged, for whoever looks for the cause.
    fn keep_logs(&self, scene: &str) {
        let command = "journalctl --no-pager -b -n 300; ls -lR /opt/lookout | head -80";
        let said = self.board.ssh(command);
        let text = said.map_or_else(|error| error.to_string(), |output| output.stdout);
        let path = self
            .folder
            .join(format!("{}.journal", scene.replace(' ', "-")));
        if let Err(error) = std::fs::write(&path, text) {
            eprintln!("xtask: {}: {error}", path.display());
        }
    }

    /// Shuts the board down and looks at its disk.
    fn end(self) -> Result<String, RehearseError> {
        let errors = self.board.ssh("dmesg | grep -c 'EXT4-fs error'")?;
        self.board.stop()?;
        self.overlay.check()?;
        if errors.stdout.trim() == "0" {
            return Ok("no error at run time, and fsck finds none".to_owned());
        }
        Err(RehearseError::Wrong(format!(
            "{} errors at run time",
            errors.stdout.trim()
        )))
    }
}

/// Takes what a flash said apart: it must have ended as expected, and have said the words.
fn expect(flashed: &Flashed, succeeded: bool, words: &str) -> Result<(), RehearseError> {
    if flashed.succeeded == succeeded && flashed.text.contains(words) {
        return Ok(());
    }
    let ended = if flashed.succeeded {
        "succeeded"
    } else {
        "failed"
    };
    let lines: Vec<&str> = flashed.text.lines().rev().take(12).collect();
    let end: Vec<&str> = lines.into_iter().rev().collect();
    Err(RehearseError::Wrong(format!(
        "the flash {ended}, or did not say `{words}`; the end of it:\n{}",
        end.join("\n")
    )))
}
