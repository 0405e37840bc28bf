//! `callbox reload`: has a running callbox read its configuration again, and says what came of it.

use std::process::ExitCode;

use clap::Args;

use super::asking::{Asking, print};
use super::table::at;
use super::target::ApiArgs;

/// The arguments of `callbox reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// Print the API's answer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// Has it read again.
pub async fn run(args: ReloadArgs) -> anyhow::Result<ExitCode> {
    let answer = Asking::of(&args.api)?.post("/v1/reload").await?;
    print(args.json, [&answer], || {
        let number = |place: &str| at(&answer, place);
        let mut told = format!(
            "taken over: {} sources, {} destinations, {} keys\n",
            number("/sources"),
            number("/destinations"),
            number("/keys")
        );
        let waiting = answer.get("needs_restart").and_then(|keys| keys.as_array());
        for key in waiting.into_iter().flatten().filter_map(|key| key.as_str()) {
            told.push_str(&format!("waits for the next start: {key}\n"));
        }
        told
    })
}
