//! libtorch in the cache, laid out as the trainer's build and the loader want it.

use super::cache::Cache;
use super::pins::{self, Pin};
use super::pypi::Index;
use super::unpack::{Limits, unpack};
use super::{FetchError, pins::TORCH_VERSION};
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Room that all wheels of a set may need when they are unpacked. Measured: 0.5 GB without and
/// 3.8 GB with CUDA.
const UNPACKED_BYTES_MAX_CPU: u64 = 1_000_000_000;
const UNPACKED_BYTES_MAX_CUDA: u64 = 5_000_000_000;

/// Most files of one wheel; torch has 9700 header files.
const FILES_MAX: usize = 20_000;

/// A libtorch that can be linked and loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libtorch {
    /// Folder with `lib/` and `include/`.
    pub root: PathBuf,
    /// Folders that the loader must search.
    pub library_folders: Vec<PathBuf>,
}

impl Libtorch {
    /// The environment that the trainer is built and run with. Folders that
    /// `LD_LIBRARY_PATH` names already come last.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let old = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let old = std::env::split_paths(&old).filter(|folder| !folder.as_os_str().is_empty());
        let folders = self.library_folders.iter().cloned().chain(old);
        // A folder with a colon in its name cannot be searched by the loader in any way;
        // then the addresses inside the libraries have to do.
        let search = std::env::join_paths(folders).unwrap_or_default();
        vec![
            ("LIBTORCH", self.root.clone().into()),
            ("LD_LIBRARY_PATH", search),
        ]
    }
}

/// The libtorch that `LIBTORCH` names, else the one in the cache, fetched when it is not
/// there. With `cuda` it can use a GPU, which is about 2.5 GB to download instead of 0.55 GB.
pub fn ensure(cache: &Cache, cuda: bool) -> Result<Libtorch, FetchError> {
    if let Some(root) = std::env::var_os("LIBTORCH").filter(|root| !root.is_empty()) {
        return given(PathBuf::from(root));
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(FetchError::Platform(TORCH_VERSION));
    }
    // The CUDA set trains on the CPU too; two copies would only cost room.
    let (name, origin) = identity(true);
    if let Some(folder) = cache.complete(&name, &origin) {
        return Ok(in_folder(&folder));
    }
    let (name, origin) = identity(cuda);
    let folder = cache.ensure(&name, &origin, |folder| fill(cache, cuda, folder))?;
    Ok(in_folder(&folder))
}

fn wheels(cuda: bool) -> Vec<Pin> {
    let more: &[Pin] = if cuda { &pins::CUDA_FULL } else { &[] };
    [pins::TORCH]
        .into_iter()
        .chain(pins::CUDA_BASE)
        .chain(more.iter().copied())
        .collect()
}

/// Name of the cache entry, and what it is made from.
fn identity(cuda: bool) -> (String, String) {
    let kind = if cuda { "cuda" } else { "cpu" };
    let origin = wheels(cuda)
        .iter()
        .map(|pin| format!("{} {}\n", pin.sha256, pin.file))
        .collect();
    (format!("libtorch-{TORCH_VERSION}-{kind}"), origin)
}

fn fill(cache: &Cache, cuda: bool, folder: &Path) -> Result<(), FetchError> {
    let wheels = wheels(cuda);
    let bytes_max = if cuda {
        UNPACKED_BYTES_MAX_CUDA
    } else {
        UNPACKED_BYTES_MAX_CPU
    };
    let downloads = cache.downloads();
    let download_bytes: u64 = wheels
        .iter()
        .map(|pin| missing_bytes(&downloads, pin))
        .sum();
    cache.check_space(download_bytes + bytes_max)?;
    eprintln!(
        "fetching libtorch {TORCH_VERSION}: {} MB to download into {}",
        download_bytes.div_ceil(1_000_000),
        cache.root().display()
    );
    let index = Index::from_env()?;
    let mut limits = Limits {
        files_max: FILES_MAX,
        bytes_max,
    };
    let mut paths = Vec::new();
    for pin in &wheels {
        let wheel = index.fetch(pin, &downloads)?;
        let unpacked = unpack(&wheel, folder, |name| is_needed(name, cuda), limits)?;
        limits.bytes_max -= unpacked.bytes;
        paths.push(wheel);
    }
    check_files(folder, cuda, &downloads)?;
    for wheel in paths {
        fs::remove_file(&wheel).map_err(FetchError::file(&wheel))?;
    }
    Ok(())
}

/// Bytes of a wheel that are still to download.
fn missing_bytes(downloads: &Path, pin: &Pin) -> u64 {
    let size = |name: &str| fs::metadata(downloads.join(name)).map_or(0, |file| file.len());
    let have = size(pin.file).max(size(&format!("{}.partial", pin.file)));
    pin.size_bytes.saturating_sub(have)
}

/// Whether the trainer needs this file of a wheel, to be built or to run.
fn is_needed(name: &str, cuda: bool) -> bool {
    if name.starts_with("torch/include/") {
        return true;
    }
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let library = file.ends_with(".so") || file.contains(".so.");
    if folder == "torch/lib" {
        let gpu = file.contains("cuda") || file.contains("nvrtc") || file.contains("nvshmem");
        return library && !file.contains("python") && (cuda || !gpu);
    }
    if folder.starts_with("nvidia/") && folder.ends_with("/lib") {
        return library && (cuda || file.contains("cudart") || file.contains("cupti"));
    }
    false
}

/// A wheel that lacks a file would fail much later, and with a puzzling message.
fn check_files(folder: &Path, cuda: bool, downloads: &Path) -> Result<(), FetchError> {
    const ALWAYS: [&str; 7] = [
        "torch/lib/libtorch.so",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libc10.so",
        "torch/lib/libgomp.so.1",
        "torch/include/torch/csrc/api/include/torch/torch.h",
        "nvidia/cu13/lib/libcudart.so.13",
        "nvidia/cu13/lib/libcupti.so.13",
    ];
    const CUDA: [&str; 3] = [
        "torch/lib/libtorch_cuda.so",
        "nvidia/cudnn/lib/libcudnn.so.9",
        "nvidia/cu13/lib/libcublas.so.13",
    ];
    let wanted = ALWAYS.iter().chain(if cuda { &CUDA[..] } else { &[] });
    match wanted.into_iter().find(|name| !folder.join(name).is_file()) {
        None => Ok(()),
        Some(name) => Err(FetchError::Archive {
            path: downloads.into(),
            reason: format!("no wheel has {name}: the table of wheels does not fit this torch"),
        }),
    }
}

/// The libtorch in a folder that is laid out as Python's `site-packages`.
fn in_folder(folder: &Path) -> Libtorch {
    let root = folder.join("torch");
    Libtorch {
        library_folders: library_folders(&root),
        root,
    }
}

/// The user's own libtorch: an unpacked libtorch, or the `torch` folder of an installed package.
fn given(root: PathBuf) -> Result<Libtorch, FetchError> {
    let wrong = |reason: String| FetchError::Libtorch {
        path: root.clone(),
        reason,
    };
    if !root.join("lib/libtorch_cpu.so").is_file() {
        return Err(wrong("there is no lib/libtorch_cpu.so in it".into()));
    }
    match version(&root) {
        Some(version) if version == TORCH_VERSION => {}
        Some(version) => return Err(wrong(format!("it is {version}, not {TORCH_VERSION}"))),
        None => return Err(wrong("its include folder tells no version".into())),
    }
    Ok(Libtorch {
        library_folders: library_folders(&root),
        root,
    })
}

/// `lib` itself, and the folders of the NVIDIA packages beside the torch folder.
fn library_folders(root: &Path) -> Vec<PathBuf> {
    let beside = root.parent().map(|parent| parent.join("nvidia"));
    let found = beside.and_then(|folder| fs::read_dir(folder).ok());
    let mut nvidia: Vec<PathBuf> = found
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("lib")))
        .filter(|folder| folder.is_dir())
        .collect();
    nvidia.sort();
    [root.join("lib")].into_iter().chain(nvidia).collect()
}

/// `2.11.0` from the three numbers in libtorch's version header.
fn version(root: &Path) -> Option<String> {
    const HEADERS: [&str; 2] = [
        "include/torch/headeronly/version.h",
        "include/torch/csrc/api/include/torch/version.h",
    ];
    const HEADER_BYTES_MAX: u64 = 64 * 1024;
    HEADERS.iter().find_map(|name| {
        let mut text = String::new();
        let file = fs::File::open(root.join(name)).ok()?;
        file.take(HEADER_BYTES_MAX).read_to_string(&mut text).ok()?;
        version_in(&text)
    })
}

fn version_in(header: &str) -> Option<String> {
    let number = |name: &str| -> Option<u32> {
        header.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let is_it = words.next() == Some("#define") && words.next() == Some(name);
            if is_it {
                words.next()?.parse().ok()
            } else {
                None
            }
        })
    };
    let major = number("TORCH_VERSION_MAJOR")?;
    Some(format!(
        "{major}.{}.{}",
        number("TORCH_VERSION_MINOR")?,
        number("TORCH_VERSION_PATCH")?
    ))
}

#[cfg(test)]
#[path = "libtorch_tests.rs"]
mod tests;
