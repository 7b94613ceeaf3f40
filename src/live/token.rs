//! The token that everybody must know who asks from another machine.

use super::error::LiveError;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use subtle::ConstantTimeEq;

/// Lengths of tokens, in bytes.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

/// The most that is read of the file.
const FILE_BYTES_MAX: u64 = 4096;

/// A secret, kept as its hash only.
#[derive(Clone)]
pub(super) struct Token {
    hash: [u8; 32],
    /// What a browser keeps in its place.
    session: String,
}

impl Token {
    /// Takes the first line of a file.
    pub(super) fn read(path: &Path) -> Result<Self, LiveError> {
        let failed = |source| LiveError::TokenFile {
            path: path.to_owned(),
            source,
        };
        let mut line = Vec::new();
        let file = File::open(path).map_err(failed)?;
        let mut start = BufReader::new(file.take(FILE_BYTES_MAX));
        start.read_until(b'\n', &mut line).map_err(failed)?;
        Self::new(line.trim_ascii()).map_err(|reason| LiveError::Token {
            path: path.to_owned(),
            reason,
        })
    }

    fn new(secret: &[u8]) -> Result<Self, &'static str> {
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
        if secret.is_empty() {
            return Err("its first line is empty");
        }
        if !TOKEN_BYTES.contains(&secret.len()) {
            return Err("its first line is too short or too long");
        }
        if !secret.iter().all(is_allowed) {
            return Err("its first line has other characters in it");
        }
        let hash = Sha256::digest(secret).into();
        let session = Sha256::new()
            .chain_update(b"lookout live session\n")
            .chain_update(secret);
        let session = session.finalize();
        Ok(Self {
            hash,
            session: session.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// Whether this is the token. Takes as long for any other of its length.
    pub(super) fn is(&self, secret: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(secret).into();
        hash.ct_eq(&self.hash).into()
    }

    /// What a browser keeps in a cookie once it has shown the token: of no use elsewhere, and
    /// void as soon as the token is another.
    pub(super) fn session(&self) -> &str {
        &self.session
    }

    /// Whether this is [`Self::session`].
    pub(super) fn is_session(&self, value: &[u8]) -> bool {
        value.ct_eq(self.session.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_token_is_the_token() {
        let token = Token::new(b"0123456789abcdef+/=").unwrap();
        assert!(token.is(b"0123456789abcdef+/="));
        for wrong in [
            &b""[..],
            b"0",
            b"0123456789abcdef+/",
            b"0123456789abcdef+/==",
        ] {
            assert!(!token.is(wrong) && !token.is_session(wrong));
        }
        let session = token.session().to_owned();
        assert!(token.is_session(session.as_bytes()) && !token.is(session.as_bytes()));
        assert_eq!(session.len(), 64);
    }

    #[test]
    fn the_first_line_counts_and_must_be_good() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Token::read(&file)
        };
        assert!(
            read("0123456789abcdef\r\nmore")
                .unwrap()
                .is(b"0123456789abcdef")
        );
        for wrong in [
            "",
            "\n0123456789abcdef",
            "tiny-secret",
            "0123456789 abcdef",
            "0123456789abcde\u{e9}",
            &"x".repeat(5000),
        ] {
            let error = read(wrong).err().unwrap().to_string();
            assert!(error.contains("openssl rand"), "{error}");
            assert!(wrong.len() < 5 || !error.contains(wrong), "{error}");
        }
        let error = Token::read(&folder.path().join("none")).err().unwrap();
        assert!(error.to_string().contains("token_file"), "{error}");
    }
}
