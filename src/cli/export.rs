//! `callbox export`: what is kept of a person, into a file or to stdout.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::asking::Asking;
use super::target::ApiArgs;
use super::whom::WhomArgs;

/// The arguments of `callbox export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    whom: WhomArgs,
    /// The file to write, which must not exist; without it, stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// One JSON object a line, or one array of them
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    format: Format,
    #[command(flatten)]
    api: ApiArgs,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// One array.
    Json,
}

/// Writes it. What is not whole is an error.
pub async fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let asking = Asking::of(&args.api)?;
    let mut lines =
        Lines { out: opened(&args)?, format: args.format, rest: Vec::new(), last: None };
    let mut written = Ok(());
    let wish = Value::Object(args.whom.wish());
    let flowed = asking.flow("/v1/exports", &wish, |piece| {
        if written.is_ok() {
            written = lines.take(piece);
        }
    });
    let flowed = flowed.await;
    written.context("can't write the export")?;
    flowed?;
    let end = lines.end().context("can't write the export")?;
    let number = |name: &str| end.get(name).and_then(Value::as_u64).unwrap_or_default();
    anstream::eprintln!("{} events, {} callbacks", number("events"), number("callbacks"));
    Ok(ExitCode::SUCCESS)
}

/// Where it goes: a file that is the owner's alone, for all that a person ever said may be in it.
fn opened(args: &ExportArgs) -> anyhow::Result<Box<dyn Write>> {
    let Some(path) = &args.out else { return Ok(Box::new(io::stdout().lock())) };
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let file = file.with_context(|| format!("can't make the file {}", path.display()))?;
    Ok(Box::new(BufWriter::new(file)))
}

/// The lines on their way out.
struct Lines {
    out: Box<dyn Write>,
    format: Format,
    rest: Vec<u8>,
    last: Option<Value>,
}

impl Lines {
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.rest.extend_from_slice(piece);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            if self.format == Format::Json {
                self.out.write_all(if self.last.is_none() { b"[\n" } else { b",\n" })?;
                self.out.write_all(line)?;
            } else {
                self.out.write_all(line)?;
                self.out.write_all(b"\n")?;
            }
            self.last = serde_json::from_slice(line).ok();
        }
        Ok(())
    }

    /// Ends it, and gives its last line.
    fn end(mut self) -> anyhow::Result<Value> {
        if self.format == Format::Json {
            self.out.write_all(b"\n]\n")?;
        }
        self.out.flush()?;
        match self.last {
            Some(last) if last.get("kind").is_some_and(|kind| kind == "end") => Ok(last),
            Some(_) | None => {
                bail!("the export broke off before its end, so it is not whole: ask again")
            }
        }
    }
}
