//! `callbox keys`: makes an API key, shown once with the configuration lines to paste; and lists those that a running callbox knows.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::asking::{Asking, length, print};
use super::table::{self, Table, at, plain, time};
use super::target::ApiArgs;
use crate::clock::{Clock, SystemClock, Time};
use crate::config::Scope;
use crate::domain::name::Name;
use crate::random::Random;

/// The arguments of `callbox keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key: it is shown once, and only its hash goes into the configuration
    New(NewArgs),
    /// List the keys that a running callbox knows: what they open, until when, and when each was used last
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, Args)]
struct NewArgs {
    /// The key's name in the configuration
    #[arg(long)]
    name: Name,
    /// What it may do
    #[arg(long, value_delimiter = ',', default_value = "read", value_parser = scope)]
    scope: Vec<Scope>,
    /// Limit it to the things of this source; may be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    source: Vec<Name>,
    /// Until when: a time such as 2027-01-01T00:00:00Z, or how long from now, such as 90d
    #[arg(long, value_name = "WHEN", value_parser = until)]
    expires: Option<Time>,
}

fn scope(text: &str) -> Result<Scope, String> {
    let all = [Scope::Read, Scope::Raw, Scope::Operate];
    let known = all.into_iter().find(|scope| scope.as_str() == text);
    known.ok_or_else(|| "there are: read, raw, operate".to_owned())
}

/// A moment to come: an RFC 3339 time, or how long from now.
fn until(text: &str) -> Result<Time, String> {
    let now = SystemClock::new().now();
    let time =
        match text.parse() {
            Ok(time) => time,
            Err(_) => now.after(length(text).ok_or(
                "not a time such as 2027-01-01T00:00:00Z, nor how long from now such as 90d",
            )?),
        };
    if time <= now {
        return Err("that is over already, so the key would never be valid".to_owned());
    }
    Ok(time)
}

/// Does what was asked for.
pub async fn run(args: KeysArgs) -> Result<ExitCode> {
    match args.command {
        Command::New(new) => make(&new),
        Command::List(list) => listed(&list).await,
    }
}

/// Lists the keys.
async fn listed(args: &ListArgs) -> Result<ExitCode> {
    let answer = Asking::of(&args.api)?.get("/v1/keys").await?;
    let keys = answer.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
    print(args.json, &keys, || {
        let mut table = Table::new(["name", "scopes", "sources", "expires", "last used"]);
        for key in &keys {
            let expires = match key.get("expired").and_then(Value::as_bool) {
                Some(true) => table::state("expired"),
                _ => time(&at(key, "/expires_at")),
            };
            table.row([
                plain(&at(key, "/name")),
                plain(&words(key, "scopes")),
                plain(&words(key, "sources")),
                expires,
                time(&at(key, "/last_used_at")),
            ]);
        }
        table.or("there are no keys: `callbox keys new --name NAME` makes one")
    })
}

/// A list of words in an answer, as one text.
fn words(key: &Value, list: &str) -> String {
    let words = key.get(list).and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// Makes a key and prints it.
fn make(new: &NewArgs) -> Result<ExitCode> {
    let secret: [u8; 32] = Random::from_system().bytes();
    let key = format!("cbx_{}", URL_SAFE_NO_PAD.encode(secret));
    let mut output = anstream::stdout().lock();
    write!(output, "{}", shown(new, &key))?;
    Ok(ExitCode::SUCCESS)
}

fn shown(new: &NewArgs, key: &str) -> String {
    let scopes: Vec<String> =
        new.scope.iter().map(|scope| format!("\"{}\"", scope.as_str())).collect();
    let expires =
        new.expires.map_or_else(String::new, |expires| format!("expires = \"{expires}\"\n"));
    let sources: Vec<String> = new.source.iter().map(|name| format!("\"{name}\"")).collect();
    let sources = match sources.as_slice() {
        [] => String::new(),
        names => format!("sources = [{}]\n", names.join(", ")),
    };
    format!(
        "The key, shown only now; send it as `Authorization: Bearer KEY`:\n\n  {key}\n\n\
         Put these lines into the configuration, then start callbox again or run `callbox reload`:\n\n\
         [api.keys.{name}]\nsha256 = \"{hash}\"\nscopes = [{scopes}]\n{sources}{expires}",
        name = new.name,
        hash = hex::encode(Sha256::digest(key)),
        scopes = scopes.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    #[test]
    fn the_printed_lines_are_a_configuration_that_knows_the_key() {
        let new = NewArgs {
            name: "support".parse().unwrap(),
            scope: vec![Scope::Read, Scope::Operate],
            source: vec!["shop".parse().unwrap()],
            expires: Some("2030-01-01T00:00:00Z".parse().unwrap()),
        };
        let text = shown(&new, "cbx_example");
        let lines =
            text.split_once("\n[api.keys").map(|(_, rest)| format!("[api.keys{rest}")).unwrap();
        let lines = format!(
            "[sources.shop]\nvendor = \"wavecell\"\nauth = [{{ type = \"none\" }}]\n{lines}"
        );
        let config = Config::parse(&lines, "test.toml", &Environment::default()).unwrap();
        let key = config.api.keys.get(&new.name).unwrap();
        assert_eq!(key.sha256.as_slice(), Sha256::digest("cbx_example").as_slice());
        assert_eq!(key.reach.sources(), Some(new.source.as_slice()));
        assert_eq!((key.scopes.as_slice(), key.expires), (new.scope.as_slice(), new.expires));
    }
}
