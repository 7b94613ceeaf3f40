//! Small networks quantized from end to end.
#![allow(clippy::unwrap_used)]

use super::*;
