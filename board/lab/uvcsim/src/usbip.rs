//! USB/IP, the protocol by which the kernel's `vhci_hcd` talks to a remote device;
//! here the remote end is this process, over a socket pair.

use crate::camera::Camera;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const VHCI: &str = "/sys/devices/platform/vhci_hcd.0";
const PORT: u32 = 0;
/// Bus 1, device 2; any numbers would do.
const DEVICE_ID: u32 = 0x0001_0002;
const SPEED_HIGH: u32 = 3;

const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;
const HEADER_BYTES: usize = 48;
/// The most bytes that the kernel may ask for or send in one request.
const TRANSFER_BYTES_MAX: usize = 1 << 20;
/// How often a camera that has nothing to send looks whether it was thawed.
const IDLE_WAIT: Duration = Duration::from_millis(100);

/// Plugs a device into the kernel's port; requests come over the returned socket.
pub fn attach() -> io::Result<UnixStream> {
    let mut descriptors = [0; 2];
    // SAFETY: the array has room for the two descriptors that the call writes.
    let result = unsafe {
        libc::socketpair(
            libc::AF_UNIX,
            libc::SOCK_STREAM,
            0,
            descriptors.as_mut_ptr(),
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let [ours, theirs] = descriptors;
    // SAFETY: the call succeeded, so both descriptors are open and nobody else owns them.
    let (ours, theirs) = unsafe { (UnixStream::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
    let request = format!("{PORT} {} {DEVICE_ID} {SPEED_HIGH}", theirs.as_raw_fd());
    std::fs::write(format!("{VHCI}/attach"), request)?;
    Ok(ours)
}

/// Unplugs the device; its socket is closed by the kernel.
pub fn detach() -> io::Result<()> {
    std::fs::write(format!("{VHCI}/detach"), PORT.to_string())
}

/// The fields of a request that matter here.
struct Request {
    command: u32,
    sequence: u32,
    is_in: bool,
    endpoint: u32,
    /// Bytes of the transfer.
    length: usize,
    /// For an unlink: the sequence number of the request to give up.
    victim: u32,
    setup: [u8; 8],
}

impl Request {
    fn read(socket: &mut UnixStream) -> io::Result<Self> {
        let mut header = [0u8; HEADER_BYTES];
        socket.read_exact(&mut header)?;
        let word = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let mut setup = [0u8; 8];
        setup.copy_from_slice(&header[40..48]);
        let request = Self {
            command: word(0),
            sequence: word(4),
            is_in: word(12) == 1,
            endpoint: word(16),
            length: word(24) as usize,
            victim: word(20),
            setup,
        };
        if request.command == CMD_SUBMIT && request.length > TRANSFER_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(request)
    }
}

/// Serves requests until the kernel hangs up.
pub fn serve(mut socket: UnixStream, mut camera: Camera) -> io::Result<()> {
    // Sequence number and room of the video requests that wait for a payload.
    let mut waiting: VecDeque<(u32, usize)> = VecDeque::new();
    loop {
        let mut wait = IDLE_WAIT;
        if let (Some(&(sequence, room)), Some(due_in)) = (waiting.front(), camera.wait()) {
            wait = due_in.min(IDLE_WAIT);
            if due_in.is_zero() {
                waiting.pop_front();
                let payload = camera.payload(room);
                reply(
                    &mut socket,
                    RET_SUBMIT,
                    sequence,
                    0,
                    &payload,
                    payload.len(),
                )?;
            }
        }
        if is_readable(&socket, wait)? {
            let request = Request::read(&mut socket)?;
            handle(&mut socket, &mut camera, &mut waiting, &request)?;
        }
    }
}

fn handle(
    socket: &mut UnixStream,
    camera: &mut Camera,
    waiting: &mut VecDeque<(u32, usize)>,
    request: &Request,
) -> io::Result<()> {
    let sequence = request.sequence;
    match request.command {
        CMD_SUBMIT if request.endpoint == 0 => {
            let mut data = vec![0; if request.is_in { 0 } else { request.length }];
            socket.read_exact(&mut data)?;
            match camera.control(request.setup, &data) {
                Some(mut answer) if request.is_in => {
                    answer.truncate(request.length);
                    reply(socket, RET_SUBMIT, sequence, 0, &answer, answer.len())
                }
                Some(_) => reply(socket, RET_SUBMIT, sequence, 0, &[], request.length),
                None => reply(socket, RET_SUBMIT, sequence, -libc::EPIPE, &[], 0),
            }
        }
        CMD_SUBMIT => {
            waiting.push_back((sequence, request.length));
            Ok(())
        }
        CMD_UNLINK => {
            let before = waiting.len();
            waiting.retain(|&(sequence, _)| sequence != request.victim);
            let status = if waiting.len() < before {
                -libc::ECONNRESET
            } else {
                0
            };
            reply(socket, RET_UNLINK, sequence, status, &[], 0)
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn is_readable(socket: &UnixStream, wait: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // Rounded up, so that a wait of less than a millisecond does not spin.
    let milliseconds = wait.as_micros().div_ceil(1000) as i32;
    // SAFETY: the pointer is to one valid pollfd and the count says one.
    match unsafe { libc::poll(&raw mut poll, 1, milliseconds) } {
        -1 => {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                Ok(false)
            } else {
                Err(error)
            }
        }
        count => Ok(count > 0),
    }
}

fn reply(
    socket: &mut UnixStream,
    command: u32,
    sequence: u32,
    status: i32,
    data: &[u8],
    length: usize,
) -> io::Result<()> {
    let mut message = vec![0u8; HEADER_BYTES];
    message[0..4].copy_from_slice(&command.to_be_bytes());
    message[4..8].copy_from_slice(&sequence.to_be_bytes());
    message[20..24].copy_from_slice(&status.to_be_bytes());
    message[24..28].copy_from_slice(&(length as u32).to_be_bytes());
    message.extend_from_slice(data);
    socket.write_all(&message)
}
