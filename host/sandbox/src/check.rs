//! stub
use crate::limits::Limits;
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CheckError { pub code: CheckCode, pub message: String, pub hint: Option<String> }
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckCode { A }
impl CheckCode { pub fn name(self) -> &'static str { "a" } }
pub fn check(_b: &[u8], _l: &Limits) -> Result<(), CheckError> { Ok(()) }
