//! Cargo set up for a cross build, so that the same source gives the same bytes anywhere.

use super::{Target, Toolchain, ToolchainError};
use crate::command::quoted;
use crate::fetch::cache::Cache;
use crate::workspace;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables of the caller that would change what comes out.
const UNWANTED: [&str; 9] = [
    "RUSTFLAGS",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "TARGET_CC",
    "TARGET_CXX",
    "TARGET_AR",
    "TARGET_CFLAGS",
    "TARGET_CXXFLAGS",
];

/// Where a build reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Folder with the manifest.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target_dir: PathBuf,
}

/// All that a cross build for a target takes.
#[derive(Clone, Debug)]
pub struct Cross {
    target: &'static Target,
    toolchain: Toolchain,
}

impl Cross {
    /// Makes sure of the toolchain for a target, fetching it where it is missing.
    pub fn ensure(target: &'static Target) -> Result<Self, ToolchainError> {
        let toolchain = Toolchain::ensure(&Cache::open()?, target)?;
        Ok(Self { target, toolchain })
    }

    /// Cargo in that place, for the target and with these flags for rustc besides its own.
    /// The caller adds the verb.
    pub fn cargo(&self, place: &Place, flags: &[String]) -> Command {
        let remaps = remaps(place);
        let mut cargo = Command::new(workspace::cargo());
        cargo.current_dir(&place.root);
        for name in UNWANTED {
            cargo.env_remove(name);
        }
        cargo.env("CARGO_BUILD_TARGET", self.target.triple);
        cargo.env("CARGO_TARGET_DIR", &place.target_dir);
        // Replaces the flags of all configuration files.
        let flags = rust_flags(&remaps, flags).join("\x1f");
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
        // Told to strip, Zig drops the names of functions too, which the messages of panics need:
        // `build` takes out what is superfluous.
        cargo.env("CARGO_PROFILE_RELEASE_STRIP", "none");
        cargo.envs(self.tools(&remaps));
        cargo.env("ZIG_GLOBAL_CACHE_DIR", &self.toolchain.cache);
        // Objects of our own C++: they go when the target folder goes.
        cargo.env("ZIG_LOCAL_CACHE_DIR", place.target_dir.join("zig-cache"));
        cargo
    }

    /// Variables that name the tools to Cargo and to the crate `cc`.
    fn tools(&self, remaps: &[Remap]) -> Vec<(String, OsString)> {
        let Toolchain { cc, cxx, ar, .. } = &self.toolchain;
        let lower = self.target.triple.replace('-', "_");
        let upper = lower.to_uppercase();
        let flags = OsString::from(c_flags(remaps));
        vec![
            (format!("CARGO_TARGET_{upper}_LINKER"), cc.into()),
            (format!("CC_{lower}"), cc.into()),
            (format!("CXX_{lower}"), cxx.into()),
            (format!("AR_{lower}"), ar.into()),
            (format!("CFLAGS_{lower}"), flags.clone()),
            (format!("CXXFLAGS_{lower}"), flags),
            ("CC_SHELL_ESCAPED_FLAGS".to_owned(), "1".into()),
        ]
    }
}

/// A folder, and the name that stands for it in the program.
type Remap = (PathBuf, String);

/// Paths end up in messages of panics and asserts. The last one that fits counts.
fn remaps(place: &Place) -> Vec<Remap> {
    let mut remaps = vec![
        (place.root.clone(), "/lookout".to_owned()),
        (place.target_dir.clone(), "/target".to_owned()),
    ];
    let home = cargo_home();
    if let Some(real) = home.as_ref().and_then(|home| home.canonicalize().ok()) {
        remaps.push((real, "/cargo".to_owned()));
    }
    remaps.extend(home.map(|home| (home, "/cargo".to_owned())));
    remaps.extend(rust_source());
    remaps
}

fn cargo_home() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let own = variable("CARGO_HOME").map(PathBuf::from);
    own.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cargo")))
}

/// Where the source of Rust's library is installed, rustc names that place instead of the
/// one that it has elsewhere.
fn rust_source() -> Option<Remap> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let ask = |arguments: &[&str]| {
        let output = Command::new(&rustc).args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let sysroot = ask(&["--print", "sysroot"])?;
    let about = ask(&["-vV"])?;
    let commit = about
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
    Some((source, format!("/rustc/{}", commit.trim())))
}

fn rust_flags(remaps: &[Remap], flags: &[String]) -> Vec<String> {
    // Zig brings the C library and its start files; Rust's own would be there twice.
    let fixed = ["-Clink-self-contained=no", "-Ctarget-feature=+crt-static"];
    let remap = |(from, to): &Remap| format!("--remap-path-prefix={}={to}", from.display());
    let fixed = fixed.into_iter().map(str::to_owned);
    fixed
        .chain(flags.iter().cloned())
        .chain(remaps.iter().map(remap))
        .collect()
}

fn c_flags(remaps: &[Remap]) -> String {
    // Zig checks for undefined behaviour where nothing is optimised; a firmware does not stop
    // for what its decoder has always done.
    let mut words = vec![
        "-Werror=date-time".to_owned(),
        "-fno-sanitize=undefined".to_owned(),
    ];
    for (from, to) in remaps {
        words.push(quoted(&format!(
            "-ffile-prefix-map={}={to}",
            from.display()
        )));
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::TARGETS;
    use super::*;
    use std::collections::HashMap;
    use std::ffi::OsStr;

    fn cross() -> Cross {
        Cross {
            target: &TARGETS[0],
            toolchain: Toolchain {
                cc: "/z/cc".into(),
                cxx: "/z/c++".into(),
                ar: "/z/ar".into(),
                cache: "/z/cache".into(),
            },
        }
    }

    fn place() -> Place {
        Place {
            root: "/my code".into(),
            target_dir: "/out".into(),
        }
    }

    #[test]
    fn cargo_is_told_all_by_its_environment() {
        let cargo = cross().cargo(&place(), &["-Ctarget-cpu=carmel".to_owned()]);
        let set: HashMap<&OsStr, Option<&OsStr>> = cargo.get_envs().collect();
        let value = |name: &str| set[OsStr::new(name)].unwrap().to_str().unwrap();
        let upper = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER";
        assert_eq!(value(upper), "/z/cc");
        assert_eq!(value("CXX_aarch64_unknown_linux_musl"), "/z/c++");
        assert_eq!(value("CARGO_TARGET_DIR"), "/out");
        let flags: Vec<&str> = value("CARGO_ENCODED_RUSTFLAGS").split('\x1f').collect();
        assert!(flags.contains(&"-Ctarget-cpu=carmel"));
        assert!(flags.contains(&"--remap-path-prefix=/my code=/lookout"));
        let c = value("CXXFLAGS_aarch64_unknown_linux_musl");
        assert!(c.contains("'-ffile-prefix-map=/my code=/lookout'"), "{c}");
        assert_eq!(
            set[OsStr::new("RUSTFLAGS")],
            None,
            "the caller's are dropped"
        );
    }

    #[test]
    fn the_innermost_folder_counts() {
        let place = Place {
            root: "/a".into(),
            target_dir: "/a/target".into(),
        };
        let remaps = remaps(&place);
        let position = |path: &str| remaps.iter().position(|(from, _)| from == Path::new(path));
        assert!(position("/a").unwrap() < position("/a/target").unwrap());
    }
}
