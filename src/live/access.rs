//! Who may ask: the right machine, the right page, the right token.

use super::counters::Refused;
use super::hub::Hub;
use super::token::Token;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method, header, request};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// The cookie that holds a session.
const COOKIE: &str = "lookout-live";

/// The longest body that a request may announce, in bytes; none is read.
const BODY_BYTES_MAX: u64 = 1024;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What everybody must show.
pub(super) struct Access {
    token: Option<Token>,
    /// Whether only this machine can reach the page.
    is_local: bool,
}

/// Why somebody is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The name in `Host` is none of this machine.
    Host,
    /// Another page asks.
    Origin,
    /// There is a body, and a large one.
    Body,
    /// There is no token.
    TokenMissing,
    /// It is wrong.
    TokenWrong,
    /// It was wrong too often.
    TooOften,
}

impl Refusal {
    /// What it is counted as.
    pub(super) fn counted(self) -> Refused {
        match self {
            Self::Host | Self::Origin => Refused::Foreign,
            Self::Body => Refused::Size,
            Self::TokenMissing | Self::TokenWrong => Refused::Token,
            Self::TooOften => Refused::Attempts,
        }
    }
}

impl Access {
    pub(super) fn new(address: SocketAddr, token: Option<Token>) -> Self {
        let is_local = address.ip().is_loopback();
        Self { token, is_local }
    }

    pub(super) fn needs_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether the request is for this machine, and not sent by a page of somebody else.
    ///
    /// A browser lets any page send requests anywhere, and lets it read the answer where the
    /// page's own name was made to point here. So the name that was asked for must be ours, and
    /// the page that asks must be the one from here.
    pub(super) fn check_origin(&self, parts: &request::Parts) -> Result<(), Refusal> {
        let host = host_of(parts).ok_or(Refusal::Host)?;
        if self.is_local && !is_loopback_name(host.host()) {
            return Err(Refusal::Host);
        }
        if let Some(origin) = single(&parts.headers, &header::ORIGIN)? {
            let origin = origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"));
            if origin.is_none_or(|origin| !origin.eq_ignore_ascii_case(host.as_str())) {
                return Err(Refusal::Origin);
            }
        }
        let site = single(&parts.headers, &SEC_FETCH_SITE)?;
        let is_other_site = matches!(site, Some("cross-site" | "same-site"));
        // Following a link from elsewhere to the page is fine.
        let is_visit = parts.method == Method::GET
            && parts.uri.path() == "/"
            && single(&parts.headers, &SEC_FETCH_MODE)? == Some("navigate");
        if is_other_site && !is_visit {
            return Err(Refusal::Origin);
        }
        Ok(())
    }

    /// Whether the body is small enough to be ignored.
    pub(super) fn check_body(headers: &HeaderMap) -> Result<(), Refusal> {
        let length = headers.get(header::CONTENT_LENGTH);
        let is_small = length.is_none_or(|length| {
            let length = length.to_str().ok().and_then(|text| text.parse().ok());
            length.is_some_and(|length: u64| length <= BODY_BYTES_MAX)
        });
        if is_small && !headers.contains_key(header::TRANSFER_ENCODING) {
            Ok(())
        } else {
            Err(Refusal::Body)
        }
    }

    /// Whether the token or the session in the headers is right.
    pub(super) fn check_token(
        &self,
        headers: &HeaderMap,
        from: IpAddr,
        hub: &Hub,
    ) -> Result<(), Refusal> {
        let Some(token) = &self.token else {
            return Ok(());
        };
        let bearer = bearer(headers);
        let session = cookie(headers, COOKIE);
        if bearer.is_none() && session.is_none() {
            return Err(Refusal::TokenMissing);
        }
        judged(from, hub, || {
            bearer.is_some_and(|secret| token.is(secret))
                || session.is_some_and(|value| token.is_session(value))
        })
    }

    /// Takes a token in exchange for a `Set-Cookie` header.
    pub(super) fn enter(&self, secret: &[u8], from: IpAddr, hub: &Hub) -> Result<String, Refusal> {
        let Some(token) = &self.token else {
            return Err(Refusal::TokenMissing);
        };
        judged(from, hub, || token.is(secret))?;
        let session = token.session();
        Ok(format!(
            "{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000"
        ))
    }
}

/// Looks at a token, unless too many from there were wrong lately.
fn judged(from: IpAddr, hub: &Hub, is_right: impl FnOnce() -> bool) -> Result<(), Refusal> {
    let from = from.to_canonical();
    if !hub.attempts().may_try(from, Instant::now()) {
        return Err(Refusal::TooOften);
    }
    if is_right() {
        return Ok(());
    }
    hub.attempts().note_wrong(from, Instant::now());
    Err(Refusal::TokenWrong)
}

/// The name and port that was asked for.
fn host_of(parts: &request::Parts) -> Option<Authority> {
    let host = single(&parts.headers, &header::HOST).ok().flatten()?;
    let host: Authority = host.parse().ok()?;
    let is_plain = !host.as_str().contains('@') && !host.host().is_empty();
    let agrees = |uri: &Authority| uri.as_str().eq_ignore_ascii_case(host.as_str());
    (is_plain && parts.uri.authority().is_none_or(agrees)).then_some(host)
}

fn is_loopback_name(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || bare
            .parse()
            .is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}

/// The header's only value; twice the same header is an attempt to be read in two ways.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Refusal::Origin),
        (Some(_), Some(_)) => Err(Refusal::Origin),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, secret) = value.split_at_checked(7)?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    is_bearer.then(|| secret.trim_ascii())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let values = headers.get_all(header::COOKIE).iter();
    values
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b';'))
        .find_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=")
        })
}

/// The value of a key in the query of an address, percent-decoded.
pub(super) fn query_value(query: &str, key: &str) -> Option<Vec<u8>> {
    let value = query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name == key).then_some(value)
    })?;
    let mut bytes = value.bytes();
    let mut out = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        out.push((16 * high + low) as u8);
    }
    Some(out)
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
