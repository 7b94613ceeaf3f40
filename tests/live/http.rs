//! As little HTTP and WebSocket as a client needs.

use crate::served::LONG;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{HandshakeError, Message, WebSocket};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Sends bytes and reads all that comes until the other end closes.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    // The other end may have closed already, and then what it said counts.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

pub fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head: {}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    Answer {
        status: head[9..12].parse().unwrap(),
        body: bytes[end + 4..].to_vec(),
        head,
    }
}

pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        text += &format!("Host: {address}\r\n");
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    parse(&exchange(address, (text + "\r\n").as_bytes()))
}

pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    request(address, "GET", path, headers)
}

/// A stream that does not end, read up to where `is_enough` says so.
pub fn read_stream(
    address: SocketAddr,
    path: &str,
    mut is_enough: impl FnMut(&[u8]) -> bool,
) -> Vec<u8> {
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let (mut bytes, mut part) = (Vec::new(), vec![0; 65_536]);
    while !is_enough(&bytes) {
        let length = stream.read(&mut part).unwrap();
        assert!(
            length > 0,
            "{path} ended: {}",
            String::from_utf8_lossy(&bytes)
        );
        bytes.extend_from_slice(&part[..length]);
    }
    bytes
}

pub type Socket = WebSocket<TcpStream>;

/// Opens the WebSocket, or gives the status that refused it.
pub fn open(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/api/live")
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(*name, value);
    }
    match tungstenite::client(request, connect(address)) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

/// A picture with what was seen in it.
pub struct Shot {
    pub seen: serde_json::Value,
    pub jpeg: Vec<u8>,
}

/// The next picture.
pub fn next_shot(socket: &mut Socket) -> Shot {
    loop {
        if let Message::Binary(bytes) = socket.read().unwrap() {
            let (length, rest) = bytes.split_at(4);
            let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
            return Shot {
                seen: serde_json::from_slice(&rest[..length]).unwrap(),
                jpeg: rest[length..].to_vec(),
            };
        }
    }
}

/// The next text of this kind.
pub fn next_text(socket: &mut Socket, kind: &str) -> serde_json::Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            if value["kind"] == kind {
                return value;
            }
        }
    }
}
