//! Small programs `cc`, `c++` and `ar` that call Zig for one target.
//!
//! Cargo and the crate `cc` take one path for each tool, and hand over what clang would
//! understand; the scripts turn the few words around that Zig does not know.

use super::{Target, ToolchainError};
use crate::command::quoted;
use crate::fetch::FetchError;
use crate::fetch::cache::Cache;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The folder with the scripts for a target. They are written anew whenever they, or the
/// place of Zig, have changed.
pub fn ensure(cache: &Cache, zig: &Path, target: &Target) -> Result<PathBuf, ToolchainError> {
    let scripts = [
        ("cc", compiler(zig, "cc", target.zig)),
        ("c++", compiler(zig, "c++", target.zig)),
        ("ar", archiver(zig)),
    ];
    let origin = scripts.each_ref().map(|(_, text)| text.as_str()).concat();
    let name = format!("zig-{}", target.zig);
    let folder = cache.ensure(&name, &origin, |folder| {
        for (name, text) in &scripts {
            let path = folder.join(name);
            fs::write(&path, text).map_err(FetchError::file(&path))?;
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&path, executable).map_err(FetchError::file(&path))?;
        }
        Ok(())
    })?;
    Ok(folder)
}

/// `--target=` names Rust's triple and is passed over, since the script names Zig's own.
/// `-march=` is Zig's `-mcpu=` with underscores; tract's build script tries both spellings of
/// half-precision arithmetic, so an unknown one may fail.
fn compiler(zig: &Path, tool: &str, target: &str) -> String {
    format!(
        r#"#!/bin/sh
# Written by `cargo xtask build`: Zig as a compiler for {target}.
for word; do
    shift
    case $word in
        --target=*) ;;
        -march=armv8.?-a*)
            version=${{word#-march=armv8.}}
            set -- "$@" "-mcpu=generic+v8_${{version%%-a*}}a${{word#-march=armv8.?-a}}"
            ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec {} {tool} -target {target} "$@"
"#,
        quoted(&zig.to_string_lossy())
    )
}

fn archiver(zig: &Path) -> String {
    format!(
        "#!/bin/sh\n# Written by `cargo xtask build`.\nexec {} ar \"$@\"\n",
        quoted(&zig.to_string_lossy())
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::TARGETS;
    use super::*;
    use crate::command::output_of_fresh;
    use proptest::prelude::*;
    use std::process::Command;

    /// Scripts around a program that prints its words, one a line.
    fn with_echo(folder: &Path) -> PathBuf {
        let zig = folder.join("it's zig");
        // Written by another process, so that no thread of ours can keep it busy.
        let text = r#"printf '#!/bin/sh\nprintf "%%s\\n" "$@"\n' > "$0"; chmod +x "$0""#;
        let status = Command::new("sh").args(["-c", text]).arg(&zig).status();
        assert!(status.unwrap().success());
        let cache = Cache::at(folder.join("cache")).unwrap();
        ensure(&cache, &zig, &TARGETS[0]).unwrap()
    }

    fn words(program: &Path, words: &[&str]) -> Vec<String> {
        let output = output_of_fresh(Command::new(program).args(words)).unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn words_that_zig_does_not_know_are_turned_around() {
        let root = tempfile::tempdir().unwrap();
        let folder = with_echo(root.path());
        let given = [
            "--target=aarch64-unknown-linux-musl",
            "-c",
            "-march=armv8.2-a+sve+fullfp16",
            "-march=armv8.2-a",
            "a b.c",
            "",
        ];
        let mut expected = vec!["c++", "-target", "aarch64-linux-musl", "-c"];
        expected.extend([
            "-mcpu=generic+v8_2a+sve+fullfp16",
            "-mcpu=generic+v8_2a",
            "a b.c",
            "",
        ]);
        assert_eq!(words(&folder.join("c++"), &given), expected);
        assert_eq!(
            words(&folder.join("cc"), &[]),
            ["cc", "-target", "aarch64-linux-musl"]
        );
        assert_eq!(
            words(&folder.join("ar"), &["cq", "x.a"]),
            ["ar", "cq", "x.a"]
        );
    }

    #[test]
    fn a_moved_compiler_gets_new_scripts() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path().join("cache")).unwrap();
        let folder = ensure(&cache, Path::new("/a/zig"), &TARGETS[0]).unwrap();
        assert_eq!(
            ensure(&cache, Path::new("/b/zig"), &TARGETS[0]).unwrap(),
            folder
        );
        let text = fs::read_to_string(folder.join("cc")).unwrap();
        assert!(text.contains("'/b/zig' cc"), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_shell_reads_quoted_words_as_they_were(word in "[a-z '\"$`\\\\*;-]{0,12}") {
            let command = format!("printf %s {}", quoted(&word));
            let output = Command::new("sh").args(["-c", &command]).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
