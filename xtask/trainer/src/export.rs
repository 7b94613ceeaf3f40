//! stub
use crate::train::Run;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct ExportError;
pub fn export(_run: &mut Run) -> Result<(), ExportError> { Ok(()) }
