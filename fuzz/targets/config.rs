//! A configuration of any text: valid, or told what is wrong with it, with a place in the file.
#![no_main]

use callbox::config::{Config, Environment};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Config::parse(text, "some.toml", &Environment::default()) {
        assert!(error.to_string().contains("some.toml"));
    }
});
