//! Installing a release beside the one that runs, and starting it on trial.

use super::archive::{ArchiveError, Bundle};
use super::disk;
use super::key::{KeyError, PublicKey};
use super::layout::{Layout, LayoutError, Slot};
use super::manifest::{Manifest, PROGRAM};
use super::outcome::{Outcome, Verdict};
use super::system::{Board, GUARD_UNIT, System, SystemError};
use super::trial::Trial;
use super::version::Version;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The user that the firmware runs as.
const USER: &str = "lookout";
/// Links from the system's folders to files of the release in use: link below `/etc`, file in the
/// release. They stay from release to release, so that switching the release switches them too.
const LINKS: [(&str, &str); 6] = [
    ("systemd/system/lookout.service", "units/lookout.service"),
    (
        "systemd/system/multi-user.target.wants/lookout.service",
        "units/lookout.service",
    ),
    (
        "systemd/system/lookout-power.service",
        "units/lookout-power.service",
    ),
    (
        "systemd/system/multi-user.target.wants/lookout-power.service",
        "units/lookout-power.service",
    ),
    (
        "udev/rules.d/70-lookout-dashcam.rules",
        "units/70-lookout-dashcam.rules",
    ),
    ("modules-load.d/lookout.conf", "units/lookout-modules.conf"),
];
/// The watcher's unit, in the release and then beside the watcher.
const GUARD_SOURCE: &str = "units/lookout-guard.service";
/// Links to the watcher's unit.
const GUARD_LINKS: [&str; 2] = [
    "systemd/system/lookout-guard.service",
    "systemd/system/multi-user.target.wants/lookout-guard.service",
];

/// What the person who installs allows.
#[derive(Clone, Debug)]
pub struct InstallOptions {
    /// The key that should have signed the release. A board that trusts one already takes no
    /// other.
    pub key: PublicKey,
    /// Let the board trust this key from now on, in place of the one that it trusts.
    pub replace_key: bool,
    /// Take a release that is older than the one in use.
    pub allow_downgrade: bool,
    /// Take a release that runs and is blind: there is no camera.
    pub allow_blind: bool,
}

/// What was installed and is now on trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The release.
    pub version: Version,
    /// Where it is.
    pub slot: Slot,
    /// The release before it, if there is one to go back to.
    pub before: Option<Version>,
}

/// Why a release was not installed. The one that runs is untouched in every case.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Another installation is going on.
    #[error("another installation is going on; wait for its end")]
    Busy,
    /// A release is on trial.
    #[error("release {0} is still on trial; wait for its end: `lookout release status`")]
    OnTrial(Version),
    /// The board trusts another key.
    #[error(
        "this board trusts the key {trusted}, not {given}; sign with that one, or let it trust \
         the other with --replace-key"
    )]
    OtherKey {
        /// What the board trusts.
        trusted: String,
        /// What was given.
        given: String,
    },
    /// A key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The bundle cannot be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It is for another board.
    #[error("the release is for {wanted}, and this is {found}; build one with --board for it")]
    WrongBoard {
        /// What the release is for.
        wanted: String,
        /// What this is.
        found: String,
    },
    /// It is older than what runs.
    #[error(
        "the release {given} is older than {current}, which is in use; --allow-downgrade takes it"
    )]
    Downgrade {
        /// What was given.
        given: Version,
        /// What is in use.
        current: Version,
    },
    /// There is no room.
    #[error(
        "{free} bytes are free at {path}, and the release needs {needed}; delete what is not \
         needed there"
    )]
    NoSpace {
        /// Where.
        path: PathBuf,
        /// Free bytes.
        free: u64,
        /// Bytes for the release and what must stay free.
        needed: u64,
    },
    /// A file or link cannot be changed.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The system refused something.
    #[error(transparent)]
    System(#[from] SystemError),
    /// There is nothing to go back to.
    #[error("there is no release in the other slot to go back to")]
    NothingBefore,
}

/// Installs a release in the idle slot, makes it the one in use and starts it on trial. What
/// becomes of it is decided by [`super::trial::guard`].
///
/// # Errors
/// When anything speaks against it; nothing has changed then.
pub fn install(
    layout: &Layout,
    system: &mut dyn System,
    bundle: &Path,
    options: &InstallOptions,
) -> Result<Installed, InstallError> {
    // The very first thing, since every file of ours lies in there.
    make_folder(&layout.home())?;
    let _lock = lock(layout)?;
    if let Some(trial) = Trial::read(layout) {
        return Err(InstallError::OnTrial(trial.version));
    }
    let key = trusted(layout, options)?;
    let manifest = Bundle::open(bundle, key)?.verify()?;
    let from = layout.current_slot()?;
    let before = from.and_then(|slot| Manifest::of_slot(layout, slot));
    check_board(layout, system, &manifest, before.as_ref())?;
    check_version(&manifest, before.as_ref(), options)?;
    let to = from.map_or(Slot::A, Slot::other);
    clear_leftovers(layout)?;
    check_space(layout, system, to, &manifest)?;
    clear(layout, to)?;

    let fresh = layout.home().join(format!("{to}.tmp"));
    let unpacked = Bundle::open(bundle, key).and_then(|bundle| bundle.unpack(&fresh));
    if let Err(error) = unpacked {
        // The disk may be full: leave nothing behind.
        let _ = disk::remove_folder(&fresh);
        return Err(error.into());
    }
    place(&fresh, &layout.slot(to))?;
    prepare_system(layout, system, to, key)?;
    let trial = Trial {
        to,
        from: before.as_ref().and(from),
        version: manifest.version.clone(),
        health_wait_s: manifest.health_wait_s,
        soak_s: manifest.soak_s,
        allow_blind: options.allow_blind,
        attempts: 0,
    };
    start_on_trial(layout, system, &trial)?;
    Ok(Installed {
        version: manifest.version,
        slot: to,
        before: before.map(|manifest| manifest.version),
    })
}

/// Goes back to the release in the other slot, because a person wants it.
///
/// # Errors
/// When there is none, or the link cannot be changed.
pub fn rollback(layout: &Layout, system: &mut dyn System) -> Result<Version, InstallError> {
    let _lock = lock(layout)?;
    let other = layout.current_slot()?.map(Slot::other);
    let manifest = other.and_then(|slot| Manifest::of_slot(layout, slot));
    let (Some(slot), Some(manifest)) = (other, manifest) else {
        return Err(InstallError::NothingBefore);
    };
    layout.switch(slot)?;
    Trial::remove(layout)?;
    let outcome = Outcome {
        version: manifest.version.clone(),
        verdict: Verdict::ByHand,
        reason: "a person went back to it".to_owned(),
    };
    outcome.write(layout)?;
    system.start_current()?;
    Ok(manifest.version)
}

/// The lock is the file's, so it ends with this process, however that ends.
fn lock(layout: &Layout) -> Result<File, InstallError> {
    let path = layout.lock();
    let file = File::create(&path).map_err(layout_error(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(InstallError::Busy),
        Err(TryLockError::Error(source)) => Err(layout_error(&path)(source).into()),
    }
}

/// The key that a release must be signed with.
fn trusted<'a>(
    layout: &Layout,
    options: &'a InstallOptions,
) -> Result<&'a PublicKey, InstallError> {
    let path = layout.trusted_key();
    if !path.exists() || options.replace_key {
        return Ok(&options.key);
    }
    let trusted = PublicKey::read(&path)?;
    if trusted == options.key {
        return Ok(&options.key);
    }
    Err(InstallError::OtherKey {
        trusted: trusted.to_string(),
        given: options.key.to_string(),
    })
}

fn check_board(
    layout: &Layout,
    system: &mut dyn System,
    manifest: &Manifest,
    before: Option<&Manifest>,
) -> Result<(), InstallError> {
    let board = Board {
        machine: system.machine()?,
        compatible: layout.compatible(),
    };
    let wrong = |found: String| {
        Err(InstallError::WrongBoard {
            wanted: manifest.board.clone(),
            found,
        })
    };
    if manifest.machine != board.machine {
        return wrong(format!("a {} machine", board.machine));
    }
    let is_known = |name: &String| board.compatible.contains(name);
    if !manifest.compatible.is_empty() && !manifest.compatible.iter().any(is_known) {
        return wrong(match board.compatible.as_slice() {
            [] => "a machine without a device tree".to_owned(),
            names => names.join(", "),
        });
    }
    match before {
        Some(before) if before.board != manifest.board => {
            wrong(format!("installed as {}", before.board))
        }
        _ => Ok(()),
    }
}

fn check_version(
    manifest: &Manifest,
    before: Option<&Manifest>,
    options: &InstallOptions,
) -> Result<(), InstallError> {
    match before {
        Some(before)
            if manifest.version.is_older_than(&before.version) && !options.allow_downgrade =>
        {
            Err(InstallError::Downgrade {
                given: manifest.version.clone(),
                current: before.version.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// Removes what a broken installation left.
fn clear_leftovers(layout: &Layout) -> Result<(), InstallError> {
    for name in ["a.tmp", "b.tmp", "a.old", "b.old"] {
        let path = layout.home().join(name);
        disk::remove_folder(&path).map_err(layout_error(&path))?;
    }
    Ok(())
}

/// Removes what lies in the idle slot.
fn clear(layout: &Layout, idle: Slot) -> Result<(), InstallError> {
    let slot = layout.slot(idle);
    if slot.exists() {
        // By rename first: a slot is whole or not there.
        let old = layout.home().join(format!("{idle}.old"));
        fs::rename(&slot, &old).map_err(layout_error(&slot))?;
        disk::remove_folder(&old).map_err(layout_error(&old))?;
    }
    Ok(())
}

fn check_space(
    layout: &Layout,
    system: &mut dyn System,
    idle: Slot,
    manifest: &Manifest,
) -> Result<(), InstallError> {
    let path = layout.home();
    let free = system.free_bytes(&path).map_err(layout_error(&path))?;
    // What lies in the idle slot makes room, but only once it is known that this is enough.
    let free = free.saturating_add(disk::tree_bytes(&layout.slot(idle)));
    let needed = manifest
        .unpacked_bytes()
        .saturating_add(manifest.disk_free_min_bytes);
    if free >= needed {
        return Ok(());
    }
    Err(InstallError::NoSpace { path, free, needed })
}

fn place(fresh: &Path, slot: &Path) -> Result<(), InstallError> {
    fs::rename(fresh, slot)
        .and_then(|()| disk::sync_parent(slot))
        .map_err(|error| layout_error(slot)(error).into())
}

/// Everything outside the slots: user, folders, links, key and the watcher. Each step leaves
/// alone what is right already, so that an update does not touch `/etc`.
fn prepare_system(
    layout: &Layout,
    system: &mut dyn System,
    slot: Slot,
    key: &PublicKey,
) -> Result<(), InstallError> {
    if system.run("id", &["-u", USER]).is_err() {
        let home = "--home-dir=/var/lib/lookout";
        let options = [
            "--system",
            "--no-create-home",
            home,
            "--shell=/usr/sbin/nologin",
        ];
        system.run("useradd", &[&options[..], &["--user-group", USER]].concat())?;
    }
    make_folder(&layout.settings())?;
    let path = layout.trusted_key();
    let text = key.to_pem();
    if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
        disk::replace(&path, text.as_bytes()).map_err(layout_error(&path))?;
    }
    let release = layout.slot(slot);
    for (link, file) in LINKS {
        if release.join(file).exists() {
            link_to(
                &layout.etc().join(link),
                &Path::new("/opt/lookout/current").join(file),
            )?;
        }
    }
    place_guard(layout, &release)?;
    for link in GUARD_LINKS {
        link_to(
            &layout.etc().join(link),
            &Path::new("/opt/lookout/guard").join(GUARD_UNIT),
        )?;
    }
    Ok(())
}

fn link_to(link: &Path, target: &Path) -> Result<(), InstallError> {
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    if let Some(parent) = link.parent() {
        make_folder(parent)?;
    }
    disk::replace_link(link, target).map_err(|error| layout_error(link)(error).into())
}

/// The watcher is the program of the release on trial, for that has just shown that it runs: it
/// is the one that installs. A hard link, so that it stays when the slot is cleared.
fn place_guard(layout: &Layout, release: &Path) -> Result<(), InstallError> {
    let folder = layout.guard();
    make_folder(&folder)?;
    let (program, fresh) = (folder.join(PROGRAM), folder.join("lookout.tmp"));
    disk::remove_file(&fresh)
        .and_then(|()| fs::hard_link(release.join(PROGRAM), &fresh))
        .and_then(|()| fs::rename(&fresh, &program))
        .map_err(layout_error(&program))?;
    let unit = folder.join(GUARD_UNIT);
    let source = release.join(GUARD_SOURCE);
    let text = fs::read(&source).map_err(layout_error(&source))?;
    disk::replace(&unit, &text).map_err(|error| layout_error(&unit)(error).into())
}

/// From here on a power cut leads to a trial at the next boot.
fn start_on_trial(
    layout: &Layout,
    system: &mut dyn System,
    trial: &Trial,
) -> Result<(), InstallError> {
    let path = layout.outcome();
    disk::remove_file(&path).map_err(layout_error(&path))?;
    trial.write(layout)?;
    layout.switch(trial.to)?;
    // Helpful where a camera is there already; a boot does the same.
    for (program, args) in [
        ("udevadm", &["control", "--reload"][..]),
        ("modprobe", &["--all", "--quiet", "videodev", "uvcvideo"]),
        ("udevadm", &["trigger", "--subsystem-match=video4linux"]),
    ] {
        if let Err(error) = system.run(program, args) {
            log::debug!("{error}");
        }
    }
    let started = system.start_current().and_then(|()| {
        system.run("systemctl", &["restart", "--no-block", GUARD_UNIT])?;
        Ok(())
    });
    if let (Err(_), Some(from)) = (&started, trial.from) {
        // Nobody would watch the trial: undo it.
        layout.switch(from)?;
        Trial::remove(layout)?;
        system.start_current()?;
    }
    Ok(started?)
}

fn make_folder(path: &Path) -> Result<(), LayoutError> {
    disk::make_folder(path).map_err(layout_error(path))
}

fn layout_error(path: &Path) -> impl Fn(io::Error) -> LayoutError + use<> {
    let path = path.to_owned();
    move |source| LayoutError {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
#[path = "install_tests.rs"]
mod tests;
