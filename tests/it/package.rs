//! What packages carry besides the program: completions and manual pages, made from its commands.

use std::process::Command;

fn callbox(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_callbox")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The commands that `--help` tells of.
fn commands() -> Vec<String> {
    let help = String::from_utf8(callbox(&["--help"])).unwrap();
    let below = help.split_once("Commands:\n").unwrap().1;
    let lines = below.lines().take_while(|line| !line.is_empty());
    // What goes on in the next line is set in further.
    let names = lines.filter(|line| !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn every_command_is_completed_in_every_shell_and_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    callbox(&["man", "--out", pages.to_str().unwrap()]);
    let commands = commands();
    assert!(commands.iter().any(|command| command == "serve"), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = String::from_utf8(callbox(&["completions", shell])).unwrap();
        for command in &commands {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
    }
    let whole = String::from_utf8(callbox(&["man"])).unwrap();
    for command in &commands {
        assert!(whole.contains(&format!("callbox\\-{command}(1)")), "{command}");
        let page = std::fs::read_to_string(pages.join(format!("callbox-{command}.1"))).unwrap();
        assert!(page.starts_with(".ie") && page.contains(".SH SYNOPSIS"), "{command}: {page}");
    }
    assert!(pages.join("callbox-callbacks-reprocess.1").exists());
}
