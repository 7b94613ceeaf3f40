//! Verb `keygen`: the pair of keys that signs releases and checks them.

use lookout::release::SecretKey;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// File name of the key that signs.
pub const SECRET_FILE: &str = "release-key.secret.pem";
/// File name of the key that checks.
pub const PUBLIC_FILE: &str = "release-key.pem";
/// Where keys are unless told otherwise; git does not see it.
pub const KEY_FOLDER: &str = "keys";

/// Options of `cargo xtask keygen`.
#[derive(clap::Args, Clone, Debug)]
pub struct KeygenArgs {
    /// Folder for the two files; it must not hold keys yet
    #[arg(long, value_name = "DIR", default_value = KEY_FOLDER)]
    pub out: PathBuf,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeygenError {
    /// There are some already.
    #[error(
        "{0} is there already; boards that trust it take no other key, so move it away yourself \
         if it is to be replaced"
    )]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("{path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no random numbers.
    #[error("/dev/urandom: {0}")]
    Random(io::Error),
}

/// Runs `cargo xtask keygen`.
pub fn run(args: &KeygenArgs) -> Result<(), KeygenError> {
    let key = keygen(&args.out)?;
    let folder = args.out.display();
    println!("key:     {}", key.public());
    println!("secret:  {folder}/{SECRET_FILE}  keep it safe: it puts software on your boards");
    println!("public:  {folder}/{PUBLIC_FILE}  boards get it at their first flash");
    Ok(())
}

/// Makes a pair of keys in `folder`.
pub fn keygen(folder: &Path) -> Result<SecretKey, KeygenError> {
    let write_error = |path: &Path| {
        let path = path.to_owned();
        move |source| KeygenError::Write { path, source }
    };
    let mut private = std::fs::DirBuilder::new();
    private
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(write_error(folder))?;
    let mut seed = [0; 32];
    let mut random = std::fs::File::open("/dev/urandom").map_err(KeygenError::Random)?;
    random.read_exact(&mut seed).map_err(KeygenError::Random)?;
    let key = SecretKey::from_seed(&seed);
    let files = [
        (SECRET_FILE, 0o600, key.to_pem()),
        (PUBLIC_FILE, 0o644, key.public().to_pem()),
    ];
    for (name, _, _) in &files {
        let path = folder.join(name);
        if path.exists() {
            return Err(KeygenError::Exists(path));
        }
    }
    for (name, mode, text) in files {
        let path = folder.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path);
        file.and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .map_err(write_error(&path))?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use lookout::release::PublicKey;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_fit_each_other_and_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let key = keygen(&folder.path().join("keys")).unwrap();
        let secret = folder.path().join("keys").join(SECRET_FILE);
        let public = PublicKey::read(&folder.path().join("keys").join(PUBLIC_FILE)).unwrap();
        assert_eq!(public, key.public());
        assert_eq!(SecretKey::read(&secret).unwrap().public(), public);
        assert_eq!(
            secret.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        let again = keygen(&folder.path().join("keys"));
        assert!(matches!(again, Err(KeygenError::Exists(_))));
        let other = keygen(&folder.path().join("other")).unwrap();
        assert_ne!(other.public(), public);
    }
}
