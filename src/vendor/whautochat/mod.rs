//! The `whautochat` vendor.

use super::{Authentic, Reading, Vendor};
use crate::domain::source::ReadSettings;

/// See the file's first line.
#[derive(Debug)]
pub struct Whautochat;

impl Vendor for Whautochat {
    fn code(&self) -> &'static str {
        "whautochat"
    }

    fn read(&self, _callback: &Authentic<'_>, _settings: &ReadSettings) -> Reading {
        Reading::Quarantine("not built yet".to_owned())
    }
}
