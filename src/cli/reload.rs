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
        let counts = format!(
            "taken over: {} sources, {} destinations, {} keys",
            number("/sources"),
            number("/destinations"),
            number("/keys")
        );
        let keys = answer.get("needs_restart").and_then(|keys| keys.as_array());
        let keys = keys.into_iter().flatten().filter_map(|key| key.as_str());
        let waiting = keys.map(|key| format!("waits for the next start: {key}"));
        let lines: Vec<String> = [counts].into_iter().chain(waiting).collect();
        format!("{}\n", lines.join("\n"))
    })
}
