//! Reports of small networks.
#![allow(clippy::unwrap_used)]

use super::*;
