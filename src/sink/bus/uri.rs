//! Where a bus is.

use super::encode::Encoding;
use crate::query::Query;
use std::fmt;
use std::path::PathBuf;

/// The longest name of a vehicle, in bytes.
const VEHICLE_BYTES_MAX: usize = 64;

/// Messages that may wait for the bus.
const QUEUE_MESSAGES: u32 = 1000;
const QUEUE_MESSAGES_MAX: u32 = 100_000;

const MQTT_PORT: u16 = 1883;
const MQTT_PARAMETERS: &[&str] = &[
    "qos=0|1",
    "encoding=json|cbor",
    "queue=N",
    "password_file=FILE",
];
const ZENOH_PARAMETERS: &[&str] = &[
    "mode=peer|client",
    "connect=tcp/HOST:PORT",
    "encoding=json|cbor",
    "queue=N",
];

/// A name that can be one part of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VehicleName(String);

impl VehicleName {
    /// Takes 1 to 64 letters, digits, `-`, `_` or `.`; else `None`.
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_fitting = (1..=VEHICLE_BYTES_MAX).contains(&name.len());
        (is_fitting && name.chars().all(is_plain)).then(|| Self(name.to_owned()))
    }

    /// The topic of its messages of one kind.
    pub(super) fn topic(&self, last: &str) -> String {
        format!("lookout/{}/{last}", self.0)
    }
}

/// An MQTT broker: `mqtt://[USER@]HOST[:PORT]/VEHICLE[?...]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MqttUri {
    /// User name at the broker.
    pub user: Option<String>,
    /// Name or address of the broker; an IPv6 address without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The vehicle, second part of all topics.
    pub vehicle: VehicleName,
    /// Whether the broker must acknowledge each message (QoS 1, not 0).
    pub is_acknowledged: bool,
    /// How messages are written.
    pub encoding: Encoding,
    /// Messages that may wait.
    pub queue_messages: u32,
    /// File whose first line is the password.
    pub password_file: Option<PathBuf>,
}

/// A Zenoh network: `zenoh:VEHICLE[?...]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ZenohUri {
    /// The vehicle, second part of all key expressions.
    pub vehicle: VehicleName,
    /// Whether to look for other peers, rather than to be the client of a router only.
    pub is_peer: bool,
    /// Endpoint of a router or peer, such as `tcp/10.0.0.1:7447`.
    pub connect: Option<String>,
    /// How messages are written.
    pub encoding: Encoding,
    /// Messages that may wait.
    pub queue_messages: u32,
}

const VEHICLE_ALLOWED: &str = "the name of the vehicle has 1 to 64 letters, digits, -, _ or .";

/// The parts before and after the `?`.
fn split(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

fn encoding(query: &Query<'_>) -> Result<Encoding, String> {
    let found = query.one_of("encoding", &Encoding::ALL);
    Ok(found
        .map_err(|error| error.to_string())?
        .unwrap_or_default())
}

fn queue(query: &Query<'_>) -> Result<u32, String> {
    let found = query.whole("queue", QUEUE_MESSAGES, 1, QUEUE_MESSAGES_MAX);
    found.map_err(|error| error.to_string())
}

fn words(query: &Query<'_>, name: &str, allowed: &str) -> Result<Option<String>, String> {
    let read = |value: &str| (!value.is_empty()).then(|| Some(value.to_owned()));
    let found = query.get(name, None, allowed, read);
    found.map_err(|error| error.to_string())
}

impl MqttUri {
    /// Reads what follows `mqtt:`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (place, query) = split(text);
        let query = Query::new("mqtt", MQTT_PARAMETERS, query).map_err(|e| e.to_string())?;
        let place = place.strip_prefix("//").ok_or("two slashes are missing")?;
        let (authority, vehicle) = place
            .split_once('/')
            .ok_or("the name of the vehicle is missing")?;
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user.to_owned()), address),
            None => (None, authority),
        };
        let (host, port) = host_and_port(address)?;
        let qos = query.one_of("qos", &[("0", false), ("1", true)]);
        Ok(Self {
            user,
            host,
            port,
            vehicle: VehicleName::new(vehicle).ok_or(VEHICLE_ALLOWED)?,
            is_acknowledged: qos.map_err(|e| e.to_string())?.unwrap_or(true),
            encoding: encoding(&query)?,
            queue_messages: queue(&query)?,
            password_file: words(&query, "password_file", "the name of a file")?.map(Into::into),
        })
    }

    /// The broker's address as a URI has it.
    fn address(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match self.port {
            MQTT_PORT => host,
            port => format!("{host}:{port}"),
        }
    }
}

fn host_and_port(address: &str) -> Result<(String, u16), String> {
    let (host, rest) = match address.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or("a closing ] is missing")?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("the host is missing".to_owned());
    }
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => MQTT_PORT,
        None => return Err(format!("`{rest}` after the host is not a port")),
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| format!("`{port}` is not a port, which is 1 to 65535"))?,
    };
    Ok((host.to_owned(), port))
}

impl ZenohUri {
    /// Reads what follows `zenoh:`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (place, query) = split(text);
        let query = Query::new("zenoh", ZENOH_PARAMETERS, query).map_err(|e| e.to_string())?;
        let mode = query.one_of("mode", &[("peer", true), ("client", false)]);
        let connect = words(&query, "connect", "an endpoint such as tcp/10.0.0.1:7447")?;
        let is_peer = mode.map_err(|e| e.to_string())?.unwrap_or(true);
        if !is_peer && connect.is_none() {
            return Err("mode=client needs connect=, the endpoint of its router".to_owned());
        }
        Ok(Self {
            vehicle: VehicleName::new(place).ok_or(VEHICLE_ALLOWED)?,
            is_peer,
            connect,
            encoding: encoding(&query)?,
            queue_messages: queue(&query)?,
        })
    }
}

/// Parameters that are not as they would be anyway.
#[derive(Default)]
struct Shown(Vec<String>);

impl Shown {
    fn add(&mut self, is_default: bool, name: &str, value: impl fmt::Display) {
        if !is_default {
            self.0.push(format!("{name}={value}"));
        }
    }

    fn common(&mut self, encoding: Encoding, queue_messages: u32) {
        self.add(encoding == Encoding::default(), "encoding", encoding.name());
        self.add(queue_messages == QUEUE_MESSAGES, "queue", queue_messages);
    }

    fn finish(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => Ok(()),
            shown => write!(f, "?{}", shown.join("&")),
        }
    }
}

impl fmt::Display for MqttUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mqtt://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}/{}", self.address(), self.vehicle.0)?;
        let mut shown = Shown::default();
        shown.add(self.is_acknowledged, "qos", 0);
        shown.common(self.encoding, self.queue_messages);
        if let Some(file) = &self.password_file {
            shown.add(false, "password_file", file.display());
        }
        shown.finish(f)
    }
}

impl fmt::Display for ZenohUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "zenoh:{}", self.vehicle.0)?;
        let mut shown = Shown::default();
        shown.add(self.is_peer, "mode", "client");
        if let Some(endpoint) = &self.connect {
            shown.add(false, "connect", endpoint);
        }
        shown.common(self.encoding, self.queue_messages);
        shown.finish(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_given_is_read_and_printed_back() {
        for text in [
            "mqtt://broker/car-7",
            "mqtt://me@10.0.0.1:1884/v.2_x?qos=0&encoding=cbor&queue=5&password_file=/etc/secret",
            "mqtt://[::1]:1884/a",
            "mqtt://[fe80::1]/a",
        ] {
            let uri = MqttUri::parse(text.strip_prefix("mqtt:").unwrap()).unwrap();
            assert_eq!(uri.to_string(), text);
        }
        for text in [
            "zenoh:car-7",
            "zenoh:a?mode=client&connect=tcp/1.2.3.4:7447&queue=9",
        ] {
            let uri = ZenohUri::parse(text.strip_prefix("zenoh:").unwrap()).unwrap();
            assert_eq!(uri.to_string(), text);
        }
        let uri = MqttUri::parse("//h/v").unwrap();
        assert_eq!(
            (uri.port, uri.is_acknowledged, uri.queue_messages),
            (1883, true, 1000)
        );
        assert_eq!(uri.vehicle.topic("health"), "lookout/v/health");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "host/v",
            "//host",
            "//host/",
            "//host/a/b",
            "//host/+",
            "//host/#",
            "//:1/v",
            "//host:0/v",
            "//host:99999/v",
            "//[::1/v",
            "//h/v?qos=2",
            "//h/v?qos=1&qos=1",
            "//h/v?queue=0",
            "//h/v?colour=red",
        ] {
            assert!(MqttUri::parse(text).is_err(), "{text}");
        }
        for text in [
            "",
            "a/b",
            "**",
            "a?mode=router",
            "a?mode=client",
            "a?connect=",
        ] {
            assert!(ZenohUri::parse(text).is_err(), "{text}");
        }
    }
}
