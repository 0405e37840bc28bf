//! Every vendor's adapter reads a request of any bytes: events or quarantine, within its limits, never a panic.
#![no_main]

use std::sync::LazyLock;

use callbox::domain::source::Source;
use callbox::vendor::{self, EVENTS_MAX, Reading, authenticity};
use libfuzzer_sys::fuzz_target;

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| callbox_fuzz::config().sources);

fuzz_target!(|recorded: &[u8]| {
    for source in SOURCES.iter().take_while(|source| !source.name.as_str().starts_with("by-")) {
        let Some(callback) = callbox_fuzz::callback(recorded, source) else { return };
        let vendor = vendor::find(source.vendor).expect("it is configured");
        let authentic = authenticity::check(&source.auth, &callback, "").expect("nothing is asked");
        match vendor.read(&authentic, &source.reading) {
            Reading::Events(events) => assert!(events.len() <= EVENTS_MAX),
            Reading::Quarantine(reason) => assert!(!reason.is_empty()),
        }
    }
});
