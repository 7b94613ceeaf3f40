//! Zig in the cache: the pinned wheel, unpacked.

use super::ToolchainError;
use crate::command::output_of_fresh;
use crate::fetch::FetchError;
use crate::fetch::cache::Cache;
use crate::fetch::pins::Pin;
use crate::fetch::pypi::Index;
use crate::fetch::unpack::{Limits, unpack};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of all wheels below. Another one builds other bytes: run
/// `cargo xtask build --verify-reproducible` and look at `cargo xtask sizes` when it changes.
const VERSION: &str = "0.15.2";

/// The wheel for each kind of computer that builds: operating system, processor, wheel.
const WHEELS: [(&str, &str, Pin); 2] = [
    (
        "linux",
        "x86_64",
        Pin {
            project: "ziglang",
            file: "ziglang-0.15.2-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.\
                   musllinux_1_1_x86_64.whl",
            size_bytes: 93_508_126,
            sha256: "806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130",
        },
    ),
    (
        "linux",
        "aarch64",
        Pin {
            project: "ziglang",
            file: "ziglang-0.15.2-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.\
                   musllinux_1_1_aarch64.whl",
            size_bytes: 90_542_084,
            sha256: "edc0aa60ec964a4cf462d40f68d7de242ddf37fd9a80f2afaee6397059463230",
        },
    ),
];

/// What the wheel unpacks to at most; measured: 9200 files with 260 MB are wanted.
const LIMITS: Limits = Limits {
    files_max: 20_000,
    bytes_max: 500_000_000,
};

/// Folders of the wheel below `ziglang/lib/` that only other systems than Linux need.
const UNWANTED: [&str; 12] = [
    "docs/",
    "libtsan/",
    "libc/mingw/",
    "libc/darwin/",
    "libc/wasi/",
    "libc/freebsd/",
    "libc/netbsd/",
    "libc/include/any-windows-any/",
    "libc/include/any-macos-any/",
    "libc/include/wasm-wasi-musl/",
    "libc/include/generic-freebsd/",
    "libc/include/generic-netbsd/",
];

/// The program `zig` in the cache, fetched when it is not there.
pub fn ensure(cache: &Cache) -> Result<PathBuf, ToolchainError> {
    let pin = wheel(std::env::consts::OS, std::env::consts::ARCH)?;
    let name = format!("zig-{VERSION}");
    let origin = format!("{} {}\n", pin.sha256, pin.file);
    let folder = cache.ensure(&name, &origin, |folder| fill(cache, pin, folder))?;
    let zig = program(&folder);
    check(&zig, cache)?;
    Ok(zig)
}

fn wheel(system: &str, processor: &str) -> Result<&'static Pin, ToolchainError> {
    WHEELS
        .iter()
        .find(|(os, arch, _)| (*os, *arch) == (system, processor))
        .map(|(_, _, pin)| pin)
        .ok_or_else(|| ToolchainError::Host(format!("{system} on {processor}")))
}

fn program(folder: &Path) -> PathBuf {
    folder.join("ziglang/zig")
}

fn fill(cache: &Cache, pin: &Pin, folder: &Path) -> Result<(), FetchError> {
    cache.check_space(pin.size_bytes + LIMITS.bytes_max)?;
    eprintln!(
        "fetching the cross compiler, zig {VERSION}: {} MB into {}",
        pin.size_bytes.div_ceil(1_000_000),
        cache.root().display()
    );
    let wheel = Index::from_env()?.fetch(pin, &cache.downloads())?;
    unpack_zig(&wheel, folder)?;
    fs::remove_file(&wheel).map_err(FetchError::file(&wheel))
}

fn unpack_zig(wheel: &Path, folder: &Path) -> Result<(), FetchError> {
    unpack(wheel, folder, is_wanted, LIMITS)?;
    let zig = program(folder);
    if !zig.is_file() {
        return Err(FetchError::Archive {
            path: wheel.into(),
            reason: "there is no ziglang/zig in it: the pin does not fit".to_owned(),
        });
    }
    // Archives of Python carry modes, but what is unpacked is data until we say otherwise.
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&zig, executable).map_err(FetchError::file(&zig))
}

/// Whether this file of the wheel is needed to build for Linux.
fn is_wanted(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("ziglang/") else {
        return false;
    };
    match rest.strip_prefix("lib/") {
        Some(path) => !UNWANTED.iter().any(|folder| path.starts_with(folder)),
        None => rest == "zig",
    }
}

/// Starts it once: a toolchain that cannot run fails much later with a puzzling message.
fn check(zig: &Path, cache: &Cache) -> Result<(), ToolchainError> {
    let failed = |reason: String| ToolchainError::NotRunning {
        program: zig.to_owned(),
        reason,
        folder: cache.root().to_owned(),
    };
    let output = output_of_fresh(Command::new(zig).arg("version"))
        .map_err(|error| failed(error.to_string()))?;
    let version = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && version.trim() == VERSION {
        return Ok(());
    }
    let said = version.trim();
    Err(failed(format!(
        "`zig version` says `{said}` ({})",
        output.status
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn wheel_with(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
        let path = folder.join("ziglang-1.whl");
        let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
        for (name, text) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn every_wheel_is_pinned() {
        for (_, arch, pin) in &WHEELS {
            let hexadecimal = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            assert_eq!(pin.sha256.len(), 64);
            assert!(pin.sha256.bytes().all(hexadecimal));
            assert!(pin.file.starts_with(&format!("ziglang-{VERSION}-")));
            assert!(pin.file.ends_with(&format!("_{arch}.whl")), "{}", pin.file);
            assert!(!pin.file.contains(' '));
        }
    }

    #[test]
    fn other_computers_are_told_what_to_do() {
        assert!(wheel("linux", "aarch64").is_ok());
        let message = wheel("windows", "x86_64").unwrap_err().to_string();
        assert!(message.contains("windows on x86_64") && message.contains("container"));
    }

    #[test]
    fn only_what_linux_needs_is_unpacked_and_the_program_can_run() {
        let root = tempfile::tempdir().unwrap();
        let script = format!("#!/bin/sh\necho {VERSION}\n");
        let files = [
            ("ziglang/zig", script.as_str()),
            ("ziglang/lib/libc/musl/a.c", ""),
            ("ziglang/lib/libc/mingw/b.c", ""),
            ("ziglang/__main__.py", ""),
            ("other/zig", ""),
        ];
        let wheel = wheel_with(root.path(), &files);
        let folder = root.path().join("in");
        unpack_zig(&wheel, &folder).unwrap();
        assert!(folder.join("ziglang/lib/libc/musl/a.c").is_file());
        for unwanted in ["ziglang/lib/libc/mingw", "ziglang/__main__.py", "other"] {
            assert!(!folder.join(unwanted).exists(), "{unwanted}");
        }
        let cache = Cache::at(root.path().join("cache")).unwrap();
        check(&program(&folder), &cache).unwrap();
    }

    #[test]
    fn a_wheel_without_the_program_or_with_another_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().join("cache")).unwrap();
        let empty = wheel_with(root.path(), &[("ziglang/lib/zig.h", "")]);
        let message = unpack_zig(&empty, &root.path().join("a")).unwrap_err();
        assert!(message.to_string().contains("ziglang/zig"));

        let old = wheel_with(root.path(), &[("ziglang/zig", "#!/bin/sh\necho 0.1\n")]);
        let folder = root.path().join("b");
        unpack_zig(&old, &folder).unwrap();
        let message = check(&program(&folder), &cache).unwrap_err().to_string();
        assert!(message.contains("0.1"), "{message}");
        assert!(check(&folder.join("absent"), &cache).is_err());
    }
}
