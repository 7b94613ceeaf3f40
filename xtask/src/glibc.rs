//! Verb `glibc`: whether a binary runs on the oldest system that we support.
//!
//! JetPack 4 is Ubuntu 18.04 with glibc 2.27 and the libstdc++ of GCC 8. A binary is
//! fine there when it is static, or asks for no newer symbol version than those.

use object::elf::{DT_NEEDED, DT_VERNEED, EM_AARCH64, EM_X86_64, FileHeader64, PT_INTERP};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, elf};
use std::fmt;
use std::path::{Path, PathBuf};

/// The newest glibc that a binary may ask for: that of JetPack 4.
pub const GLIBC_MAX: Version = Version {
    major: 2,
    minor: 27,
};

/// The newest libstdc++ symbols of JetPack 4 are `GLIBCXX_3.4.25`.
const GLIBCXX_PATCH_MAX: u32 = 25;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Options of `cargo xtask glibc`.
#[derive(clap::Args, Clone, Debug)]
pub struct GlibcArgs {
    /// The program or shared library to look at (64-bit ELF)
    pub file: PathBuf,
    /// The newest glibc that it may ask for
    #[arg(long, value_name = "VERSION", default_value_t = GLIBC_MAX)]
    pub max: Version,
}

/// A glibc version, such as 2.27.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 2, ever since 1997.
    pub major: u32,
    /// Rises by two a year.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl std::str::FromStr for Version {
    type Err = String;

    /// Accepts `2.27` and `2.2.5`, whose last part never matters.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '.').map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor }),
            _ => Err(format!(
                "`{text}` is no glibc version: write for instance 2.27"
            )),
        }
    }
}

/// For which processor a binary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// 64-bit ARM.
    Aarch64,
    /// 64-bit Intel and AMD.
    X86_64,
    /// Another one, by its ELF number.
    Other(u16),
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aarch64 => f.write_str("aarch64"),
            Self::X86_64 => f.write_str("x86-64"),
            Self::Other(number) => write!(f, "ELF machine {number}"),
        }
    }
}

/// What a binary asks of the system that is to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The processor.
    pub machine: Machine,
    /// Shared libraries; none when the binary is static.
    pub libraries: Vec<String>,
    /// The newest glibc among the symbol versions; none when static.
    pub glibc: Option<Version>,
    /// Symbol versions that JetPack 4 lacks for another reason than its glibc number.
    pub unmet: Vec<String>,
}

impl Needs {
    /// Whether the binary carries all that it needs.
    pub fn is_static(&self) -> bool {
        self.libraries.is_empty() && self.glibc.is_none()
    }

    /// Fails when the binary would not start on a system with glibc `max`.
    pub fn check(&self, max: Version) -> Result<(), GlibcError> {
        if let Some(version) = self.glibc
            && version > max
        {
            return Err(GlibcError::TooNew {
                needs: version,
                max,
            });
        }
        if self.unmet.is_empty() {
            return Ok(());
        }
        Err(GlibcError::Unmet(self.unmet.join(", ")))
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_static() {
            return write!(f, "{}, static", self.machine);
        }
        write!(f, "{}, dynamic", self.machine)?;
        if let Some(version) = self.glibc {
            write!(f, ", needs GLIBC {version}")?;
        }
        write!(f, ", libraries: {}", self.libraries.join(" "))
    }
}

/// Why a binary was refused or could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum GlibcError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is far larger than any program.
    #[error("{path}: {bytes} bytes; the limit is {FILE_BYTES_MAX}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file is no 64-bit ELF binary, or a damaged one.
    #[error("not a sound 64-bit ELF binary: {0}")]
    NotElf(String),
    /// The binary asks for a newer glibc than allowed.
    #[error(
        "needs GLIBC {needs}, but only {max} is allowed; link it statically, as \
         `cargo xtask build` does"
    )]
    TooNew {
        /// What it asks for.
        needs: Version,
        /// What it may ask for.
        max: Version,
    },
    /// The binary asks for symbol versions that no old system has.
    #[error("needs {0}, which JetPack 4 does not have; link it statically")]
    Unmet(String),
}

impl From<object::read::Error> for GlibcError {
    fn from(error: object::read::Error) -> Self {
        Self::NotElf(error.to_string())
    }
}

/// Runs `cargo xtask glibc`.
pub fn run(args: &GlibcArgs) -> Result<(), GlibcError> {
    let needs = inspect_file(&args.file)?;
    println!("{}: {needs}", args.file.display());
    needs.check(args.max)
}

/// What the binary in a file asks for.
pub fn inspect_file(path: &Path) -> Result<Needs, GlibcError> {
    let read_error = |source| GlibcError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::metadata(path).map_err(read_error)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(GlibcError::TooLarge {
            path: path.to_owned(),
            bytes,
        });
    }
    inspect(&std::fs::read(path).map_err(read_error)?)
}

/// What the binary in these bytes asks for.
pub fn inspect(bytes: &[u8]) -> Result<Needs, GlibcError> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let machine = match header.e_machine(endian) {
        EM_AARCH64 => Machine::Aarch64,
        EM_X86_64 => Machine::X86_64,
        other => Machine::Other(other),
    };
    let mut needs = Needs {
        machine,
        libraries: Vec::new(),
        glibc: None,
        unmet: Vec::new(),
    };
    let (mut is_dynamic, mut has_versions) = (false, false);
    for segment in header.program_headers(endian, bytes)? {
        is_dynamic |= segment.p_type(endian) == PT_INTERP;
        for entry in segment.dynamic(endian, bytes)?.unwrap_or_default() {
            is_dynamic |= entry.tag32(endian) == Some(DT_NEEDED);
            has_versions |= entry.tag32(endian) == Some(DT_VERNEED);
        }
    }
    if !is_dynamic {
        return Ok(needs);
    }
    let sections = header.sections(endian, bytes)?;
    let gone = || {
        let reason = "it is dynamic but its section headers are gone, so that the versions it \
                      needs cannot be read";
        GlibcError::NotElf(reason.to_owned())
    };
    let (entries, link) = sections.dynamic(endian, bytes)?.ok_or_else(gone)?;
    needs.libraries = library_names(entries, endian, sections.strings(endian, bytes, link)?);
    if has_versions {
        let (verneeds, link) = sections.gnu_verneed(endian, bytes)?.ok_or_else(gone)?;
        read_versions(
            verneeds,
            endian,
            sections.strings(endian, bytes, link)?,
            &mut needs,
        )?;
    }
    if needs.glibc.is_none() {
        needs.unmet.push("a C library other than glibc".to_owned());
    }
    Ok(needs)
}

fn library_names(
    entries: &[elf::Dyn64<Endianness>],
    endian: Endianness,
    strings: object::read::StringTable<'_>,
) -> Vec<String> {
    entries
        .iter()
        .filter(|entry| entry.tag32(endian) == Some(DT_NEEDED))
        .map(|entry| match entry.string(endian, strings) {
            Ok(name) => String::from_utf8_lossy(name).into_owned(),
            Err(_) => "a library without a name".to_owned(),
        })
        .collect()
}

/// Collects the symbol versions that the binary asks of its libraries.
fn read_versions(
    mut verneeds: object::read::elf::VerneedIterator<'_, FileHeader64<Endianness>>,
    endian: Endianness,
    strings: object::read::StringTable<'_>,
    needs: &mut Needs,
) -> Result<(), GlibcError> {
    while let Some((_, mut versions)) = verneeds.next()? {
        while let Some(version) = versions.next()? {
            let name = String::from_utf8_lossy(version.name(endian, strings)?).into_owned();
            judge(&name, needs);
        }
    }
    Ok(())
}

/// Files one symbol version, such as `GLIBC_2.17`, under what it means for JetPack 4.
fn judge(name: &str, needs: &mut Needs) {
    if let Some(number) = name.strip_prefix("GLIBC_") {
        match number.parse() {
            Ok(version) => needs.glibc = needs.glibc.max(Some(version)),
            // GLIBC_PRIVATE ties a binary to one build of glibc; GLIBC_ABI_... is newer
            // than any number that the list of versions shows.
            Err(_) => needs.unmet.push(name.to_owned()),
        }
    } else if let Some(number) = name.strip_prefix("GLIBCXX_") {
        let patch = number
            .strip_prefix("3.4")
            .map(|rest| rest.strip_prefix('.').unwrap_or("0"));
        let is_known = patch
            .and_then(|patch| patch.parse::<u32>().ok())
            .is_some_and(|patch| patch <= GLIBCXX_PATCH_MAX);
        if !is_known {
            needs.unmet.push(name.to_owned());
        }
    }
}

#[cfg(test)]
#[path = "glibc_tests.rs"]
mod tests;
