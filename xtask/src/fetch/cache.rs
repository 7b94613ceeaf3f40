//! The folder that downloads are kept in, shared by all checkouts of this user.
//!
//! An entry is a folder that is either whole or not there: it is filled under another
//! name, marked `.complete` last of all, and then renamed. One lock file keeps
//! two runs from filling the cache at once.

use super::FetchError;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks a whole entry; holds what the entry was made from.
const MARKER: &str = ".complete";

/// How long to wait for another process that fills the cache. Twice what the largest
/// set of files takes over a slow line.
const LOCK_WAIT_S: u64 = 4 * 3600;

/// Most bytes of a marker that are compared.
const MARKER_BYTES_MAX: u64 = 64 * 1024;

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Held while the cache is changed; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct CacheLock {
    _file: File,
}

impl Cache {
    /// The cache of this user: `LOOKOUT_CACHE`, else `$XDG_CACHE_HOME/lookout`, else
    /// `~/.cache/lookout`. The folder is made when it is not there.
    pub fn open() -> Result<Self, FetchError> {
        let variable = |name| std::env::var_os(name);
        let root = folder(
            variable("LOOKOUT_CACHE"),
            variable("XDG_CACHE_HOME"),
            variable("HOME"),
        );
        Self::at(root.ok_or(FetchError::NoCacheFolder)?)
    }

    /// The cache in this folder, which is made when it is not there.
    pub fn at(root: PathBuf) -> Result<Self, FetchError> {
        fs::create_dir_all(&root).map_err(FetchError::file(&root))?;
        Ok(Self { root })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where wheels are kept until they are unpacked.
    pub fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// The entry `name` if it is whole and was made from `origin`.
    pub fn complete(&self, name: &str, origin: &str) -> Option<PathBuf> {
        let folder = self.root.join(name);
        let marker = folder.join(MARKER);
        let size_bytes = fs::metadata(&marker).ok()?.len();
        if size_bytes > MARKER_BYTES_MAX {
            return None;
        }
        (fs::read_to_string(marker).ok()? == origin).then_some(folder)
    }

    /// The entry `name`, filled by `fill` unless it is there already.
    ///
    /// `origin` says what the entry is made from (versions, hashes); an entry made from
    /// something else is replaced. `fill` gets an empty folder.
    pub fn ensure(
        &self,
        name: &str,
        origin: &str,
        fill: impl FnOnce(&Path) -> Result<(), FetchError>,
    ) -> Result<PathBuf, FetchError> {
        if let Some(folder) = self.complete(name, origin) {
            return Ok(folder);
        }
        let _lock = self.lock()?;
        // Another process may have filled it while this one waited.
        if let Some(folder) = self.complete(name, origin) {
            return Ok(folder);
        }
        let partial = self.root.join(format!("{name}.partial"));
        remove_folder(&partial)?;
        fs::create_dir_all(&partial).map_err(FetchError::file(&partial))?;
        fill(&partial)?;
        let marker = partial.join(MARKER);
        fs::write(&marker, origin).map_err(FetchError::file(&marker))?;
        let folder = self.root.join(name);
        remove_folder(&folder)?;
        fs::rename(&partial, &folder).map_err(FetchError::file(&folder))?;
        Ok(folder)
    }

    /// Refuses when the cache's disk has not room for so many bytes.
    pub fn check_space(&self, needed_bytes: u64) -> Result<(), FetchError> {
        let stat = rustix::fs::statvfs(&self.root).map_err(|error| FetchError::File {
            path: self.root.clone(),
            reason: error.into(),
        })?;
        let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free_bytes >= needed_bytes {
            return Ok(());
        }
        Err(FetchError::NoSpace {
            path: self.root.clone(),
            needed_mb: needed_bytes.div_ceil(1_000_000),
            free_mb: free_bytes / 1_000_000,
        })
    }

    fn lock(&self) -> Result<CacheLock, FetchError> {
        const POLL: Duration = Duration::from_millis(500);
        let path = self.root.join("lock");
        let file = File::create(&path).map_err(FetchError::file(&path))?;
        for attempt in 0..LOCK_WAIT_S * 2 {
            match file.try_lock() {
                Ok(()) => return Ok(CacheLock { _file: file }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(reason)) => return Err(FetchError::File { path, reason }),
            }
            if attempt == 0 {
                eprintln!(
                    "waiting for another process that fills {}",
                    self.root.display()
                );
            }
            std::thread::sleep(POLL);
        }
        Err(FetchError::Locked {
            path,
            waited_s: LOCK_WAIT_S,
        })
    }
}

/// The cache folder that the environment asks for. Relative paths are passed over: they
/// would make a cache in every folder that somebody works in.
fn folder(own: Option<OsString>, xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|p| p.is_absolute());
    absolute(own)
        .or_else(|| absolute(xdg).map(|cache| cache.join("lookout")))
        .or_else(|| absolute(home).map(|home| home.join(".cache/lookout")))
}

fn remove_folder(path: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FetchError::file(path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn the_most_particular_variable_wins() {
        let some = |text: &str| Some(OsString::from(text));
        assert_eq!(
            folder(some("/a"), some("/b"), some("/c")),
            Some("/a".into())
        );
        assert_eq!(
            folder(some("a"), some("/b"), some("/c")),
            Some("/b/lookout".into())
        );
        assert_eq!(
            folder(None, some(""), some("/c")),
            Some("/c/.cache/lookout".into())
        );
        assert_eq!(folder(None, None, None), None);
    }

    #[test]
    fn an_entry_is_whole_or_absent() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().join("cache")).unwrap();
        let torn = cache.ensure("a", "1", |folder| {
            fs::write(folder.join("half"), "x").unwrap();
            Err(FetchError::NoCacheFolder)
        });
        assert!(torn.is_err());
        assert_eq!(cache.complete("a", "1"), None);

        let fill = |folder: &Path| {
            assert_eq!(
                fs::read_dir(folder).unwrap().count(),
                0,
                "rests of the torn attempt"
            );
            fs::write(folder.join("whole"), "x").map_err(FetchError::file(folder))
        };
        let folder = cache.ensure("a", "1", fill).unwrap();
        assert!(folder.join("whole").exists());
        assert_eq!(cache.complete("a", "1"), Some(folder));
        assert_eq!(cache.complete("a", "2"), None);
        cache.ensure("a", "1", |_| panic!("it was there")).unwrap();
    }

    #[test]
    fn an_entry_of_another_origin_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().into()).unwrap();
        let fill = |name: &'static str| {
            move |folder: &Path| fs::write(folder.join(name), "").map_err(FetchError::file(folder))
        };
        cache.ensure("a", "1", fill("old")).unwrap();
        let folder = cache.ensure("a", "2", fill("new")).unwrap();
        assert!(folder.join("new").exists() && !folder.join("old").exists());
    }

    #[test]
    fn only_one_fills() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().into()).unwrap();
        let filled = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    cache.ensure("a", "1", |_| {
                        filled.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(50));
                        Ok(())
                    })
                });
            }
        });
        assert_eq!(filled.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn too_little_room_is_said_before_the_download() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().into()).unwrap();
        assert!(cache.check_space(1).is_ok());
        assert!(matches!(
            cache.check_space(u64::MAX),
            Err(FetchError::NoSpace { .. })
        ));
    }
}
