//! A fixture of any bytes: what stands before the first NUL is the request, what stands behind it the expectation.
#![no_main]

use std::path::Path;

use bytes::Bytes;
use callbox::replay::fixture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut halves = bytes.splitn(2, |byte| *byte == 0);
    let recorded = Bytes::copy_from_slice(halves.next().unwrap_or_default());
    let _ = fixture::parse(Path::new("wavecell/some.http"), &recorded, halves.next());
});
