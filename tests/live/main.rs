//! The live page from the outside: real runs, real sockets, hostile clients, a real browser.

#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod browser;
mod crowd;
mod hostile;
mod http;
mod page;
mod program;
mod served;
mod token;
