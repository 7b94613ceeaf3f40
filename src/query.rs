//! The parameters of a URI, `NAME=VALUE&...`, for sources and sinks alike.

use std::fmt::Display;
use std::str::FromStr;

/// What is wrong with a parameter, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct QueryError(String);

/// The parameters of one URI.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    scheme: &'a str,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Query<'a> {
    /// Splits and checks the names; `allowed` lists them as `name=FORM`.
    pub(crate) fn new(
        scheme: &'a str,
        allowed: &'static [&'static str],
        query: &'a str,
    ) -> Result<Self, QueryError> {
        let is_known = |name: &str| {
            allowed
                .iter()
                .any(|form| form.split_once('=').is_some_and(|(known, _)| known == name))
        };
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let trouble = match (is_known(name), pairs.iter().any(|pair| pair.0 == name)) {
                (false, _) => "unknown",
                (true, true) => "given twice",
                (true, false) => {
                    pairs.push((name, value));
                    continue;
                }
            };
            return Err(QueryError(format!(
                "parameter `{name}` of `{scheme}:` is {trouble}; allowed, each once: {}",
                allowed.join(", ")
            )));
        }
        Ok(Self { scheme, pairs })
    }

    /// The value of one parameter through `read`, `default` where it is not given.
    pub(crate) fn get<T>(
        &self,
        name: &str,
        default: T,
        allowed: impl Display,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, QueryError> {
        let Some((_, value)) = self.pairs.iter().find(|pair| pair.0 == name) else {
            return Ok(default);
        };
        read(value).ok_or_else(|| {
            QueryError(format!(
                "`{name}={value}` of `{}:` is not possible; allowed: {allowed}",
                self.scheme
            ))
        })
    }

    pub(crate) fn whole<T: FromStr + PartialOrd + Display + Copy>(
        &self,
        name: &str,
        default: T,
        min: T,
        max: T,
    ) -> Result<T, QueryError> {
        self.get(
            name,
            default,
            format_args!("a whole number from {min} to {max}"),
            |value| {
                value
                    .parse()
                    .ok()
                    .filter(|number| (min..=max).contains(number))
            },
        )
    }

    pub(crate) fn number(
        &self,
        name: &str,
        default: f32,
        min: f32,
        max: f32,
    ) -> Result<f32, QueryError> {
        self.get(
            name,
            default,
            format_args!("a number from {min} to {max}"),
            |value| {
                value
                    .parse()
                    .ok()
                    .filter(|number| (min..=max).contains(number))
            },
        )
    }

    pub(crate) fn one_of<T: Copy>(
        &self,
        name: &str,
        known: &[(&str, T)],
    ) -> Result<Option<T>, QueryError> {
        let names: Vec<&str> = known.iter().map(|pair| pair.0).collect();
        self.get(name, None, names.join(", "), |value| {
            known
                .iter()
                .find(|pair| pair.0 == value)
                .map(|pair| Some(pair.1))
        })
    }
}
