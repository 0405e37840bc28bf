//! `callbox completions`: what makes a shell complete callbox's commands and options, made from their definition.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Arguments;

/// The arguments of `callbox completions`.
#[derive(Debug, Args)]
#[command(after_help = "Where the shells look:\n  \
    bash  callbox completions bash > ~/.local/share/bash-completion/completions/callbox\n  \
    zsh   callbox completions zsh > \"${fpath[1]}/_callbox\"\n  \
    fish  callbox completions fish > ~/.config/fish/completions/callbox.fish")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "callbox", &mut script);
    anstream::stdout().write_all(&script).context("can't write the script")?;
    Ok(ExitCode::SUCCESS)
}
