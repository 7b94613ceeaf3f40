//! The version of what is in the checkout.

use super::BundleError;
use crate::workspace;
use lookout::release::Version;
use std::process::Command;

/// The crate's version, the number of commits and the commit: `0.1.0+341.g932a6bd`, with `.dirty`
/// where files differ from the commit.
pub(super) fn version(build_number: Option<u64>) -> Result<Version, BundleError> {
    let commit = git(&["rev-parse", "--short=7", "HEAD"]);
    let text = match (build_number, commit) {
        (Some(number), Err(_)) => format!("+{number}"),
        (Some(number), Ok(commit)) => format!("+{number}.g{commit}{}", dirt()),
        (None, Err(reason)) => return Err(BundleError::NoCommits(reason)),
        (None, Ok(commit)) => {
            // A shallow clone counts wrongly, and a wrong number is a downgrade.
            let is_shallow = git(&["rev-parse", "--is-shallow-repository"]);
            if is_shallow.as_deref() == Ok("true") {
                return Err(BundleError::NoCommits("the clone is shallow".to_owned()));
            }
            let count = git(&["rev-list", "--count", "HEAD"]).map_err(BundleError::NoCommits)?;
            format!("+{count}.g{commit}{}", dirt())
        }
    };
    Ok(format!("{}{text}", env!("CARGO_PKG_VERSION")).parse()?)
}

fn dirt() -> &'static str {
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Ok(text) if text.is_empty() => "",
        _ => ".dirty",
    }
}

fn git(args: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .current_dir(workspace::root())
        .args(args)
        .output()
        .map_err(|error| format!("git: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_given_number_needs_no_history() {
        let version = version(Some(77)).unwrap().to_string();
        let start = format!("{}+77", env!("CARGO_PKG_VERSION"));
        assert!(version.starts_with(&start), "{version}");
    }
}
