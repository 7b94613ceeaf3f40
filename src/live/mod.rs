//! The live page: the picture, what is seen in it and how the program is, for a browser, for
//! Prometheus and for whoever wants it over HTTP. `API.md` beside this file is its contract.
//!
//! ```text
//! inference ─▶ tap ─▶ pictures thread ─▶ newest shot ─┐
//!     └─▶ sink thread ─▶ feed (lines, incidents) ─────┼─▶ server thread ─▶ clients
//! health monitor ─▶ bulletin ─────────────────────────┘
//! ```
//!
//! Nothing here can hold up detection: pictures are made only while somebody watches, the
//! newest frame wins, and a client that does not keep up misses some. Everything has a limit.
//!
//! ```no_run
//! use lookout::bulletin::Bulletin;
//! use lookout::config::LiveSettings;
//! use lookout::live::{LiveOptions, LivePage};
//! use lookout::pipeline::Lookout;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (page, plugs) = LivePage::open(LiveOptions {
//!     settings: LiveSettings { address: "127.0.0.1:8080".parse()?, token_file: None },
//!     bulletin: Bulletin::default(),
//!     preserve: None,
//! })?;
//! let builder = Lookout::builder().tap(plugs.tap).attendant(plugs.sink);
//! let (detections, handle) = builder.start()?;
//! let server = page.start(handle.observer())?;
//! for frame in detections {
//!     println!("{} objects", frame.detections.len());
//! }
//! server.finish();
//! # Ok(())
//! # }
//! ```

mod access;
mod attempts;
mod connection;
mod counters;
mod encoder;
mod error;
mod exposition;
mod feed;
mod guests;
mod hub;
mod incidents;
mod metrics;
mod page;
mod pictures;
mod routes;
mod server;
mod shot;
mod socket;
mod status;
mod streams;
mod timed_stream;
mod token;

pub use error::LiveError;
pub use hub::Preserve;
pub use server::{LiveOptions, LivePage, LiveServer, Plugs};
