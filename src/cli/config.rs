//! `lookout config`.

use super::{CliError, ConfigArgs, ConfigVerb, print};
use crate::config::{EXAMPLE, RawSettings};
use std::path::Path;

/// Checks files, or shows an example.
pub(super) fn run(args: &ConfigArgs) -> Result<(), CliError> {
    match &args.verb {
        ConfigVerb::Example => print(EXAMPLE),
        ConfigVerb::Check { files } => files.iter().try_for_each(|file| check(file)),
    }
}

fn check(file: &Path) -> Result<(), CliError> {
    RawSettings::read(file)?.validate()?;
    print(&format!("{}: right\n", file.display()))
}
