//! `callbox man`: manual pages, made from the definition of the command line.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::Arguments;

/// The arguments of `callbox man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write callbox.1 and a page for each command into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the page, or writes all of them.
pub fn run(args: &ManArgs) -> Result<ExitCode> {
    let mut command = Arguments::command();
    command.build();
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        write_all(&command, "callbox", folder)?;
    } else {
        let page = page(&command, "callbox")?;
        anstream::stdout().write_all(&page).context("can't write the page")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A command's page, and those of the commands below it: `callbox-callbacks-reprocess.1`.
fn write_all(command: &Command, name: &str, folder: &Path) -> Result<()> {
    let file = folder.join(format!("{name}.1"));
    fs::write(&file, page(command, name)?)
        .with_context(|| format!("can't write {}", file.display()))?;
    let mut below = command.get_subcommands().filter(|below| !below.is_hide_set());
    below.try_for_each(|below| write_all(below, &format!("{name}-{}", below.get_name()), folder))
}

fn page(command: &Command, name: &str) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).title(name).render(&mut page).context("can't make a page")?;
    Ok(page)
}
