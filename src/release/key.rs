//! The keys that sign releases: ed25519, in files that `openssl` reads and writes too.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{SIGNATURE_LENGTH, Signature, Signer, SigningKey, VerifyingKey};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest key file that is read, in bytes.
const KEY_BYTES_MAX: u64 = 4096;

/// What is signed begins with this, so that a signature made for anything else is worth nothing
/// here.
const DOMAIN: &[u8] = b"lookout release 1\n";

/// Bytes of a fingerprint that are shown.
const FINGERPRINT_DIGITS: usize = 16;

/// Signs releases. Whoever has it can put software on the boards that trust it.
pub struct SecretKey(SigningKey);

/// Checks releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("{path}: {source}; make keys with `cargo xtask keygen`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no key of the kind.
    #[error("{path} is no ed25519 {kind} key in PEM form; make keys with `cargo xtask keygen`")]
    Format {
        /// The file.
        path: PathBuf,
        /// `secret` or `public`.
        kind: &'static str,
    },
}

impl SecretKey {
    /// The key that 32 random bytes make.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = read(path)?;
        let key = SigningKey::from_pkcs8_pem(&text).map_err(|_| format_error(path, "secret"))?;
        Ok(Self(key))
    }

    /// The PKCS#8 PEM file's text.
    pub fn to_pem(&self) -> String {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF);
        // Encoding 32 bytes into memory cannot fail; an empty file would be refused by `read`.
        pem.map(|text| text.to_string()).unwrap_or_default()
    }

    /// The key that checks what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature of a manifest's bytes.
    pub fn sign(&self, manifest: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        self.0.sign(&[DOMAIN, manifest].concat()).to_bytes()
    }
}

impl PublicKey {
    /// Reads an SPKI PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or is none.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = read(path)?;
        let key =
            VerifyingKey::from_public_key_pem(&text).map_err(|_| format_error(path, "public"))?;
        Ok(Self(key))
    }

    /// The SPKI PEM file's text.
    pub fn to_pem(&self) -> String {
        // As in `SecretKey::to_pem`.
        self.0.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// Whether `signature` is this key's for a manifest's bytes.
    pub fn verifies(&self, manifest: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = Signature::from_slice(signature) else {
            return false;
        };
        let signed = [DOMAIN, manifest].concat();
        self.0.verify_strict(&signed, &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    /// The start of the key's hash: enough to tell keys apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = crate::model::sha256_hex(self.0.as_bytes());
        f.write_str(&hash[..FINGERPRINT_DIGITS])
    }
}

fn read(path: &Path) -> Result<String, KeyError> {
    let read_error = |source| KeyError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(read_error)?;
    let mut text = String::new();
    file.take(KEY_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(read_error)?;
    Ok(text)
}

fn format_error(path: &Path, kind: &'static str) -> KeyError {
    KeyError::Format {
        path: path.to_owned(),
        kind,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// RFC 8410, section 10.3: the example of a private key.
    const RFC_8410: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    /// Its public half, from the same section.
    const RFC_8410_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn keys_are_files_as_the_standard_has_them() {
        let secret = SecretKey::read(file(RFC_8410).path()).unwrap();
        assert_eq!(secret.public().to_pem(), RFC_8410_PUBLIC);
        let again = SecretKey::read(file(&secret.to_pem()).path()).unwrap();
        assert_eq!(again.public(), secret.public());
        let public = PublicKey::read(file(RFC_8410_PUBLIC).path()).unwrap();
        assert_eq!(public, secret.public());
        assert_eq!(public.to_string().len(), FINGERPRINT_DIGITS);
    }

    #[test]
    fn only_the_same_bytes_and_the_same_key_verify() {
        let (key, other) = (
            SecretKey::from_seed(&[1; 32]),
            SecretKey::from_seed(&[2; 32]),
        );
        let signature = key.sign(b"text");
        assert!(key.public().verifies(b"text", &signature));
        assert!(!key.public().verifies(b"texT", &signature));
        assert!(!other.public().verifies(b"text", &signature));
        assert!(!key.public().verifies(b"text", &signature[..63]));
        assert!(!key.public().verifies(b"text", b""));
        let undirected = key.0.sign(b"text").to_bytes();
        assert!(!key.public().verifies(b"text", &undirected));
    }

    #[test]
    fn what_is_no_key_is_refused_with_a_remedy() {
        for text in ["", "hello", RFC_8410_PUBLIC] {
            let error = SecretKey::read(file(text).path()).err().unwrap();
            assert!(error.to_string().contains("keygen"), "{error}");
        }
        assert!(PublicKey::read(file(RFC_8410).path()).is_err());
        assert!(PublicKey::read(Path::new("/no/such/key")).is_err());
    }
}
