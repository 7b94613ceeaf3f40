//! Downloads pinned wheels from a Python package index.

use super::FetchError;
use super::listing::listed;
use super::pins::Pin;
use crate::progress::{Progress, Unit};
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, ResponseExt, http};
use url::Url;

/// The public registry of Python packages, whose index is used when `PIP_INDEX_URL` is not set.
const REGISTRY: &str = "pypi";

/// Largest index page that is read; the page of torch has 0.4 MB.
const PAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Attempts without a new byte before a download is given up.
const FAILURES_MAX: u32 = 5;

/// Attempts of any kind before a download is given up.
const ATTEMPTS_MAX: u32 = 1000;

/// A server that is silent for longer has failed.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A single request that takes longer is broken off and resumed.
const BODY_MAX: Duration = Duration::from_secs(3600);

/// A package index and the means to reach it.
pub struct Index {
    url: Url,
    agent: Agent,
    /// Pause after the first failure; it doubles with each further one.
    pause: Duration,
}

impl Index {
    /// The index that the environment names: `PIP_INDEX_URL`, through the usual proxy
    /// variables, trusting the system's certificates (`SSL_CERT_FILE`, `SSL_CERT_DIR`).
    pub fn from_env() -> Result<Self, FetchError> {
        let text = std::env::var("PIP_INDEX_URL").unwrap_or_default();
        let text = if text.is_empty() {
            format!("https://{REGISTRY}.org/simple")
        } else {
            text
        };
        let tls = TlsConfig::builder().root_certs(root_certificates()).build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .user_agent(concat!("lookout-xtask/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .timeout_resolve(Some(SILENCE_MAX))
            .timeout_connect(Some(SILENCE_MAX))
            .timeout_recv_response(Some(SILENCE_MAX))
            .timeout_per_read(Some(SILENCE_MAX))
            .timeout_recv_body(Some(BODY_MAX))
            .build()
            .new_agent();
        Self::new(&text, agent, Duration::from_secs(1))
    }

    /// An index at this address, reached with this agent.
    pub fn new(url: &str, agent: Agent, pause: Duration) -> Result<Self, FetchError> {
        // Without the final slash the last folder would be lost when a project is joined to it.
        let text = format!("{}/", url.trim().trim_end_matches('/'));
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => {
                Ok(Self { url, agent, pause })
            }
            _ => Err(FetchError::IndexUrl(url.to_owned())),
        }
    }

    /// The wheel of `pin` in `folder`, downloaded unless it is there already; its hash is
    /// checked in any case.
    pub fn fetch(&self, pin: &Pin, folder: &Path) -> Result<PathBuf, FetchError> {
        fs::create_dir_all(folder).map_err(FetchError::file(folder))?;
        let whole = folder.join(pin.file);
        let partial = folder.join(format!("{}.partial", pin.file));
        let is_right = |path| size_of(path) == pin.size_bytes && check_hash(pin, path).is_ok();
        if is_right(&whole) {
            return Ok(whole);
        }
        if is_right(&partial) {
            fs::rename(&partial, &whole).map_err(FetchError::file(&whole))?;
            return Ok(whole);
        }
        let url = self.find(pin)?;
        self.download(pin, &url, &partial)?;
        check_hash(pin, &partial)?;
        fs::rename(&partial, &whole).map_err(FetchError::file(&whole))?;
        Ok(whole)
    }

    /// Where the index says that the wheel is.
    fn find(&self, pin: &Pin) -> Result<Url, FetchError> {
        const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";
        let page = self
            .url
            .join(&format!("{}/", pin.project))
            .map_err(|_| FetchError::IndexUrl(shown(&self.url)))?;
        let failed = |reason: String| FetchError::Network {
            url: shown(&page),
            reason,
        };
        let request = self.agent.get(page.as_str()).header("Accept", ACCEPT);
        let mut response = request.call().map_err(|error| failed(error.to_string()))?;
        if response.status() == http::StatusCode::NOT_FOUND {
            return Err(FetchError::NotListed {
                url: shown(&page),
                file: pin.file,
            });
        }
        if response.status() != http::StatusCode::OK {
            return Err(failed(format!("the server answers {}", response.status())));
        }
        let base = Url::parse(&response.get_uri().to_string()).unwrap_or_else(|_| page.clone());
        let reader = response.body_mut().with_config().limit(PAGE_BYTES_MAX);
        let text = reader
            .read_to_string()
            .map_err(|error| failed(error.to_string()))?;
        let listed = listed(&text, pin.file, &base).ok_or_else(|| FetchError::NotListed {
            url: shown(&page),
            file: pin.file,
        })?;
        match listed.sha256 {
            Some(found) if !found.eq_ignore_ascii_case(pin.sha256) => Err(FetchError::Hash {
                file: pin.file,
                expected: pin.sha256,
                found,
            }),
            _ => Ok(listed.url),
        }
    }

    /// Downloads `url` into `partial`, going on where an earlier attempt ended.
    fn download(&self, pin: &Pin, url: &Url, partial: &Path) -> Result<(), FetchError> {
        let mut progress = Progress::new(pin.project, Unit::Bytes, pin.size_bytes);
        let (mut best, mut failures) = (size_of(partial), 0);
        for _ in 0..ATTEMPTS_MAX {
            let outcome = self.append(pin, url, partial, &mut progress);
            let have = size_of(partial);
            let reason = match outcome {
                Ok(()) if have == pin.size_bytes => {
                    progress.finish();
                    return Ok(());
                }
                Ok(()) => "the connection ended early".to_owned(),
                Err(Failure::Passing(reason)) => reason,
                Err(Failure::Final(error)) => return Err(error),
            };
            failures = if have > best { 0 } else { failures + 1 };
            best = best.max(have);
            if failures >= FAILURES_MAX {
                return Err(FetchError::Network {
                    url: shown(url),
                    reason,
                });
            }
            progress.note(&format!("{}: {reason}; trying again", pin.project));
            std::thread::sleep(self.pause * (1 << failures));
        }
        let reason = format!("{ATTEMPTS_MAX} attempts were not enough");
        Err(FetchError::Network {
            url: shown(url),
            reason,
        })
    }

    /// One request for the rest of the file.
    fn append(
        &self,
        pin: &Pin,
        url: &Url,
        partial: &Path,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let have = size_of(partial);
        if have == pin.size_bytes {
            return Ok(());
        }
        let have = if have > pin.size_bytes { 0 } else { have };
        let request = self
            .agent
            .get(url.as_str())
            .header("Accept-Encoding", "identity");
        let request = match have {
            0 => request,
            _ => request.header("Range", format!("bytes={have}-")),
        };
        let response = request
            .call()
            .map_err(|error| Failure::Passing(error.to_string()))?;
        let start = start_of(&response, have).map_err(|error| match error {
            Failure::Final(FetchError::Network { reason, .. }) => {
                Failure::Final(FetchError::Network {
                    url: shown(url),
                    reason,
                })
            }
            passing => passing,
        })?;
        let file =
            open_at(partial, start).map_err(|e| Failure::Final(FetchError::file(partial)(e)))?;
        copy_body(response, file, start..pin.size_bytes, progress)
            .map_err(|error| error.into_failure(partial, url))
    }
}

/// How an attempt failed.
enum Failure {
    /// Another attempt may go better.
    Passing(String),
    /// Another attempt would go the same way.
    Final(FetchError),
}

/// What failed while a body was stored.
enum CopyError {
    Read(std::io::Error),
    Write(std::io::Error),
    TooLong,
}

impl CopyError {
    fn into_failure(self, partial: &Path, url: &Url) -> Failure {
        match self {
            Self::Read(error) => Failure::Passing(error.to_string()),
            Self::Write(error) => Failure::Final(FetchError::file(partial)(error)),
            Self::TooLong => {
                // What is there cannot be the beginning of the pinned file.
                let _ = fs::remove_file(partial);
                let reason = "the server sends more than the pinned file has".into();
                Failure::Final(FetchError::Network {
                    url: shown(url),
                    reason,
                })
            }
        }
    }
}

/// Byte of the file that a response begins with.
fn start_of(response: &http::Response<Body>, have: u64) -> Result<u64, Failure> {
    let status = response.status();
    let range = response
        .headers()
        .get("Content-Range")
        .and_then(|value| value.to_str().ok());
    match status.as_u16() {
        200 => Ok(0),
        206 if range.and_then(range_start) == Some(have) => Ok(have),
        // The server ignores or misreads the range; what it sends now cannot be used.
        206 => Err(Failure::Passing(
            "the server answers with another range".into(),
        )),
        408 | 425 | 429 | 500..=599 => {
            Err(Failure::Passing(format!("the server answers {status}")))
        }
        _ => {
            let reason = format!("the server answers {status}");
            Err(Failure::Final(FetchError::Network {
                url: String::new(),
                reason,
            }))
        }
    }
}

/// `5` of `bytes 5-9/10`.
fn range_start(value: &str) -> Option<u64> {
    value
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .trim()
        .parse()
        .ok()
}

/// The file, cut to `start` bytes and open for more.
fn open_at(path: &Path, start: u64) -> std::io::Result<File> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.set_len(start)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(start))?;
    Ok(file)
}

fn copy_body(
    mut response: http::Response<Body>,
    mut file: File,
    bytes: std::ops::Range<u64>,
    progress: &mut Progress,
) -> Result<(), CopyError> {
    let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; 256 * 1024];
    let mut position = bytes.start;
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        position += count as u64;
        if position > bytes.end {
            return Err(CopyError::TooLong);
        }
        file.write_all(&buffer[..count]).map_err(CopyError::Write)?;
        progress.set(position);
    }
}

/// The address without a password, which must not end up in a log.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // An address that cannot have credentials has none to hide.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

/// The system's certificates, or Mozilla's where the system has none. The system comes
/// first, because a company's proxy may sign with a certificate that only it knows.
fn root_certificates() -> RootCerts {
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return RootCerts::WebPki;
    }
    let found: Vec<_> = found
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect();
    RootCerts::new_with_certs(&found)
}

fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Compares a file with its pin, and removes it when it is another one.
fn check_hash(pin: &Pin, path: &Path) -> Result<(), FetchError> {
    let mut file = File::open(path).map_err(FetchError::file(path))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(FetchError::file(path))?;
    let found = format!("{:x}", hasher.finalize());
    if found == pin.sha256 {
        return Ok(());
    }
    fs::remove_file(path).map_err(FetchError::file(path))?;
    Err(FetchError::Hash {
        file: pin.file,
        expected: pin.sha256,
        found,
    })
}

#[cfg(test)]
#[path = "pypi_tests.rs"]
mod tests;
