//! Recordings from the outside: what a run records, others can read; and what is wrong with the
//! disk never stops a run.

#![allow(clippy::unwrap_used)]

mod contents;
mod disk;
mod kept;
mod recovery;
mod replay;
mod setup;
mod slow;
