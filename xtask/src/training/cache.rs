//! Decoded pictures that are kept for the next epoch.
//!
//! An epoch shows every picture once, in an order of its own. A cache that drops what was
//! not used for longest would drop each picture just before it comes again, unless all fit.
//! This one keeps the first pictures that fit and never drops any: the share of the set that
//! fits is the share of hits. Pictures are kept as exact pixels, not compressed: what the
//! cache saves is the decoding, and the compressed files are in the system's own cache.

use lookout::frame::PixelFormat;
use lookout::pixels::Picture;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Of the memory that is available, the cache takes one part in so many.
const MEMORY_SHARE: u64 = 4;
/// The limit where the system does not tell how much memory is available.
const FALLBACK_BYTES: u64 = 256 << 20;
/// Bytes that an entry takes beside its pixels, roughly.
const ENTRY_BYTES: u64 = 256;

/// A picture as it was decoded: R, G, B, 3 bytes a pixel, rows without gaps.
#[derive(Debug)]
pub struct CachedPicture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl CachedPicture {
    /// The picture's pixels; `None` cannot happen for what the cache gives.
    pub fn picture(&self) -> Option<Picture<'_>> {
        let stride = 3 * self.width as usize;
        Picture::new(
            PixelFormat::Rgb8,
            self.width,
            self.height,
            stride,
            &self.rgb,
        )
        .ok()
    }
}

/// Decoded pictures by their path, shared by threads and loaders. A file that changes while
/// its picture is here is not read again.
#[derive(Debug)]
pub struct PictureCache {
    bytes_max: u64,
    pinned: RwLock<Pinned>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Pinned {
    pictures: HashMap<PathBuf, Arc<CachedPicture>>,
    bytes: u64,
}

impl Default for PictureCache {
    /// A cache of [`default_bytes_max`].
    fn default() -> Self {
        Self::new(default_bytes_max())
    }
}

impl PictureCache {
    /// A cache of at most `bytes_max` bytes; 0 keeps nothing. Memory is taken as pictures
    /// come.
    pub fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            pinned: RwLock::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The picture of this file, where it is here. Counts a hit or a miss.
    pub fn get(&self, path: &Path) -> Option<Arc<CachedPicture>> {
        // Entries are put in whole, so that they are sound even after a panic elsewhere.
        let pinned = self.pinned.read().unwrap_or_else(PoisonError::into_inner);
        let found = pinned.pictures.get(path).cloned();
        let count = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps a copy of the picture of this file, if there is room.
    pub fn offer(&self, path: &Path, picture: &Picture<'_>) {
        let (width, height) = (picture.width(), picture.height());
        let bytes = 3 * u64::from(width) * u64::from(height) + ENTRY_BYTES;
        if !self.has_room(path, bytes) {
            return;
        }
        // Copied before the lock is taken, which others wait for.
        let mut rgb = Vec::new();
        picture.write_rgb(&mut rgb);
        rgb.shrink_to_fit();
        let entry = Arc::new(CachedPicture { width, height, rgb });
        let mut pinned = self.pinned.write().unwrap_or_else(PoisonError::into_inner);
        if pinned.bytes + bytes <= self.bytes_max && !pinned.pictures.contains_key(path) {
            pinned.bytes += bytes;
            pinned.pictures.insert(path.to_owned(), entry);
        }
    }

    fn has_room(&self, path: &Path, bytes: u64) -> bool {
        let pinned = self.pinned.read().unwrap_or_else(PoisonError::into_inner);
        pinned.bytes + bytes <= self.bytes_max && !pinned.pictures.contains_key(path)
    }

    /// Pictures found here so far.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Pictures asked for that were not here.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Bytes in use.
    pub fn bytes(&self) -> u64 {
        let pinned = self.pinned.read().unwrap_or_else(PoisonError::into_inner);
        pinned.bytes
    }

    /// Most bytes that are ever in use.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }
}

/// A quarter of the memory that is available now, as `/proc/meminfo` tells; 256 MiB where it
/// does not.
pub fn default_bytes_max() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    available_bytes(&text).map_or(FALLBACK_BYTES, |bytes| bytes / MEMORY_SHARE)
}

/// `MemAvailable` of a `meminfo`, in bytes.
fn available_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SIDE: u32 = 10;
    const ONE: u64 = 300 + ENTRY_BYTES;

    fn offer(cache: &PictureCache, name: &str, value: u8) {
        let rgb = [value; 300];
        let picture = Picture::new(PixelFormat::Rgb8, SIDE, SIDE, 30, &rgb).unwrap();
        cache.offer(Path::new(name), &picture);
    }

    fn value(cache: &PictureCache, name: &str) -> Option<u8> {
        let cached = cache.get(Path::new(name))?;
        let picture = cached.picture().unwrap();
        assert_eq!((picture.width(), picture.height()), (SIDE, SIDE));
        let mut row = [0; 30];
        picture.rgb_row(SIDE - 1, &mut row);
        Some(row[29])
    }

    #[test]
    fn the_first_that_fit_stay() {
        let cache = PictureCache::new(2 * ONE);
        assert_eq!(value(&cache, "a"), None);
        ["a", "b", "c"]
            .iter()
            .zip(1..)
            .for_each(|(name, v)| offer(&cache, name, v));
        offer(&cache, "a", 9);
        assert_eq!((value(&cache, "a"), value(&cache, "b")), (Some(1), Some(2)));
        assert_eq!(value(&cache, "c"), None);
        assert_eq!((cache.hits(), cache.misses()), (2, 2));
        assert_eq!((cache.bytes(), cache.bytes_max()), (2 * ONE, 2 * ONE));
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing() {
        let cache = PictureCache::new(0);
        offer(&cache, "a", 1);
        assert_eq!((value(&cache, "a"), cache.bytes()), (None, 0));
    }

    #[test]
    fn the_limit_holds_for_many_threads() {
        let cache = PictureCache::new(10 * ONE);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || {
                    (0..20).for_each(|n| offer(cache, &format!("{}", (n + thread) % 20), n));
                });
            }
        });
        assert_eq!(cache.bytes(), 10 * ONE);
    }

    #[test]
    fn available_memory_is_read_or_unknown() {
        let text = "MemTotal:  100 kB\nMemAvailable:   2048 kB\nBuffers: 1 kB\n";
        assert_eq!(available_bytes(text), Some(2048 * 1024));
        for text in [
            "",
            "MemAvailable: x kB",
            "MemAvailable: 12",
            "MemFree: 5 kB",
        ] {
            assert_eq!(available_bytes(text), None, "{text}");
        }
        let huge = format!("MemAvailable: {} kB", u64::MAX);
        assert_eq!(available_bytes(&huge), None);
        assert!(default_bytes_max() > 0);
    }
}
