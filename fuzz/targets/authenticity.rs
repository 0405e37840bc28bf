//! Every scheme judges a request of any bytes, fresh and as it is kept: it holds or it does not, never a panic.
#![no_main]

use std::sync::LazyLock;

use callbox::domain::source::Source;
use callbox::vendor::authenticity;
use libfuzzer_sys::fuzz_target;

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| callbox_fuzz::config().sources);
const KEY: [u8; 32] = [7; 32];
const PUBLIC: &str = "https://hooks.example.com";

fuzz_target!(|recorded: &[u8]| {
    for source in SOURCES.iter().filter(|source| source.name.as_str().starts_with("by-")) {
        let Some(mut callback) = callbox_fuzz::callback(recorded, source) else { return };
        let _ = authenticity::check(&source.auth, &callback, PUBLIC);
        let (head, token) = authenticity::seal(callback.head.clone(), &source.auth, &KEY);
        callback.head = head;
        let _ = authenticity::check_sealed(&source.auth, &callback, PUBLIC, token, &KEY);
    }
});
