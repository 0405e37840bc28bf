//! The demo shows a whole callbox at work: every fixture in, every delivery out.

use std::process::Command;

#[test]
fn the_demo_takes_every_fixture_delivers_every_event_and_ends_well() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_callbox")).args(["demo", "--once"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{told}");
    for vendor in callbox::vendor::VENDORS {
        assert!(told.contains(&format!("\n  {} ", vendor.code())), "{vendor:?} is not in:\n{told}");
    }
    // Four events are refused twice by the service, and come on the third attempt.
    for part in ["8 retries", "(0 were wrong)", "503", "204", "curl 'http://127.0.0.1:"] {
        assert!(told.contains(part), "{part} is not in:\n{told}");
    }
    for part in ["given up", "have not ended"] {
        assert!(!told.contains(part), "{part} is in:\n{told}");
    }
}
