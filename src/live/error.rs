//! Why the live page cannot be served.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the live page cannot be served. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The address cannot be had.
    #[error("live page at {address}: {source}; {}", advice(source, *address))]
    Address {
        /// What was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others than this machine may ask, and there is no token.
    #[error(
        "live page at {0}: others than this machine can reach that, so set live.token_file \
         (--live-token-file), or take an address of this machine alone: 127.0.0.1:8080"
    )]
    NoToken(SocketAddr),
    /// The file of the token cannot be read.
    #[error(
        "{}: {source}; live.token_file must be a file that this user may read: \
         `openssl rand -hex 32 > FILE` makes one", path.display()
    )]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Its first line is no token.
    #[error(
        "{}: {reason}; the first line must be a token of 16 to 256 letters, digits and -._~+/= : \
         `openssl rand -hex 32 > FILE` makes one", path.display()
    )]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with it. Never holds any of it.
        reason: &'static str,
    },
    /// The operating system gives no thread.
    #[error(
        "cannot start the threads of the live page: {0}; end other programs or raise `ulimit -u`"
    )]
    Thread(io::Error),
}

fn advice(error: &io::Error, address: SocketAddr) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program, or another lookout, uses this port: end it, or choose another with \
             --live"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no network interface of this machine has this address: `ip address` lists them"
        }
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "only root may use ports below 1024: choose a higher one with --live"
        }
        _ => "choose another address with --live",
    }
}
