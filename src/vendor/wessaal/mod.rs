//! The `wessaal` vendor.

use super::{Authentic, Reading, Vendor};
use crate::domain::source::ReadSettings;

/// See the file's first line.
#[derive(Debug)]
pub struct Wessaal;

impl Vendor for Wessaal {
    fn code(&self) -> &'static str {
        "wessaal"
    }

    fn read(&self, _callback: &Authentic<'_>, _settings: &ReadSettings) -> Reading {
        Reading::Quarantine("not built yet".to_owned())
    }
}
