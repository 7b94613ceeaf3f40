//! The live page from start to end: its socket, its threads and what they do when one fails.

use super::access::Access;
use super::connection::serve;
use super::error::LiveError;
use super::feed::{Feed, FeedSink};
use super::hub::{Hub, Preserve};
use super::page::Page;
use super::pictures::Pictures;
use super::routes::Site;
use super::token::Token;
use crate::bulletin::Bulletin;
use crate::config::LiveSettings;
use crate::count::Count;
use crate::footage::{FootageReceiver, Tap, tap};
use crate::pipeline::Observer;
use crate::sink::Sink;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Frames that may wait for the picture thread.
const QUEUE_FRAMES: usize = 2;

/// How long to wait before a thread that failed is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How soon the wait for that notices the end.
const WAIT_SLICE: Duration = Duration::from_millis(50);

/// Threads for [`Preserve`] at a time.
const BLOCKING_THREADS_MAX: usize = 1;

/// What the live page is served from.
pub struct LiveOptions {
    /// Address and token.
    pub settings: LiveSettings,
    /// Where [`crate::health::Monitor`] posts the program's health.
    pub bulletin: Bulletin,
    /// What keeps the recording; `None`: nothing is recorded.
    pub preserve: Option<Preserve>,
}

/// What the page must be plugged into the pipeline with.
pub struct Plugs {
    /// For [`crate::pipeline::Builder::tap`].
    pub tap: Tap,
    /// For [`crate::pipeline::Builder::attendant`].
    pub sink: Box<dyn Sink>,
}

/// A live page whose address is taken, and that serves nobody yet.
pub struct LivePage {
    options: LiveOptions,
    token: Option<Token>,
    listener: TcpListener,
    address: SocketAddr,
    feed: Arc<Feed>,
    footage: FootageReceiver,
}

/// A live page that is served.
pub struct LiveServer {
    address: SocketAddr,
    hub: Arc<Hub>,
    threads: Vec<JoinHandle<()>>,
}

impl LivePage {
    /// Reads the token and takes the address, so that whatever is wrong with them is known
    /// before the run starts.
    ///
    /// # Errors
    /// When the address cannot be had, or the token is missing or unfit.
    pub fn open(options: LiveOptions) -> Result<(Self, Plugs), LiveError> {
        let LiveSettings {
            address,
            token_file,
        } = &options.settings;
        let token = token_file.as_deref().map(Token::read).transpose()?;
        if token.is_none() && !address.ip().is_loopback() {
            return Err(LiveError::NoToken(*address));
        }
        let failed = |source| LiveError::Address {
            address: *address,
            source,
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let feed = Arc::new(Feed::new());
        let (tap, footage) = tap(QUEUE_FRAMES);
        let sink = Box::new(FeedSink::new(address, Arc::clone(&feed)));
        let page = Self {
            token,
            listener,
            address,
            feed,
            footage,
            options,
        };
        Ok((page, Plugs { tap, sink }))
    }

    /// Where it is; the port is the real one where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to serve what `observer`'s run does.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(self, observer: Observer) -> Result<LiveServer, LiveError> {
        let access = Access::new(self.address, self.token);
        let LiveOptions {
            bulletin, preserve, ..
        } = self.options;
        let hub = Arc::new(Hub::new(access, self.feed, preserve, observer, bulletin));
        let mut server = LiveServer {
            address: self.address,
            hub: Arc::clone(&hub),
            threads: Vec::new(),
        };
        let site = Site {
            hub: Arc::clone(&hub),
            page: Arc::new(Page::new()),
        };
        let listener = self.listener;
        server.spawn("lookout-live", move || serve_once(&listener, &site))?;
        let mut pictures = Pictures::new(self.footage, hub);
        server.spawn("lookout-live-pictures", move || {
            pictures.run();
            Ok(Done::ForGood)
        })?;
        Ok(server)
    }
}

impl LiveServer {
    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells all clients that it is over, and ends the threads.
    pub fn finish(mut self) {
        self.hub.stop();
        for thread in std::mem::take(&mut self.threads) {
            // What goes wrong in there is caught and logged.
            let _ = thread.join();
        }
    }

    fn spawn(
        &mut self,
        name: &'static str,
        mut body: impl FnMut() -> std::io::Result<Done> + Send + 'static,
    ) -> Result<(), LiveError> {
        let hub = Arc::clone(&self.hub);
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                let is_stopped = || hub.is_stopped();
                keep_going(name, &is_stopped, &hub.counters.restarts, &mut body);
            })
            .map_err(LiveError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for LiveServer {
    fn drop(&mut self) {
        self.hub.stop();
    }
}

/// How the body of a thread came to its end.
enum Done {
    /// There is nothing left to do.
    ForGood,
}

/// Runs `body` again whenever it fails, until the end. Detection knows nothing of that.
fn keep_going(
    name: &str,
    is_stopped: &dyn Fn() -> bool,
    restarts: &Count,
    body: &mut dyn FnMut() -> std::io::Result<Done>,
) {
    while !is_stopped() {
        let reason = match catch_unwind(AssertUnwindSafe(&mut *body)) {
            Ok(Ok(Done::ForGood)) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it panicked, which is a bug in lookout; please report it".into(),
        };
        restarts.add(1);
        log::error!("{name}: {reason}; starting it again, detection goes on");
        let slices = RESTART_PAUSE.as_millis() / WAIT_SLICE.as_millis();
        for _ in 0..slices {
            if is_stopped() {
                return;
            }
            std::thread::sleep(WAIT_SLICE);
        }
    }
}

/// Serves until the end.
fn serve_once(listener: &TcpListener, site: &Site) -> std::io::Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("lookout-live-ask")
        .build()?;
    let listener = listener.try_clone()?;
    runtime.block_on(async {
        serve(tokio::net::TcpListener::from_std(listener)?, site.clone()).await;
        Ok::<(), std::io::Error>(())
    })?;
    // A hook that hangs keeps nobody.
    runtime.shutdown_background();
    Ok(Done::ForGood)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn a_thread_that_fails_is_started_again_until_it_is_done() {
        let (restarts, mut runs) = (Count::default(), 0);
        keep_going("test", &|| false, &restarts, &mut || {
            runs += 1;
            match runs {
                1 => Err(std::io::ErrorKind::OutOfMemory.into()),
                2 => panic!("scripted panic"),
                _ => Ok(Done::ForGood),
            }
        });
        assert_eq!((runs, restarts.get()), (3, 2));
    }

    #[test]
    fn nothing_is_started_again_at_the_end() {
        let (restarts, is_over) = (Count::default(), std::cell::Cell::new(false));
        keep_going("test", &|| is_over.get(), &restarts, &mut || {
            is_over.set(true);
            Err(std::io::ErrorKind::OutOfMemory.into())
        });
        assert_eq!(restarts.get(), 1);
    }
}
