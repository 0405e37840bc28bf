//! `callbox callbacks reprocess`: reads callbacks again, oldest first, and says what became of them.

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgGroup, Args, ValueEnum};
use serde_json::Value;
use url::form_urlencoded;

use super::account::{Account, Told};
use crate::cli::target::ApiArgs;
use crate::clock::Time;
use crate::domain::callback::CallbackOutcome;
use crate::domain::id::CallbackId;
use crate::domain::name::Name;
use crate::domain::query::LIMIT_MAX;
use crate::replay::client::{Client, ClientError};

/// The arguments of `callbox callbacks reprocess`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["ids", "source", "since", "until", "outcome"]))]
pub(super) struct ReprocessArgs {
    /// Callbacks, by their ids
    #[arg(value_name = "ID", conflicts_with_all = ["source", "since", "until", "outcome"])]
    ids: Vec<CallbackId>,
    /// Those of this source
    #[arg(long, value_name = "NAME")]
    source: Option<Name>,
    /// Those received at or after this time, such as 2026-08-12T09:15:57Z
    #[arg(long, value_name = "TIME")]
    since: Option<Time>,
    /// Those received before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Time>,
    /// Those that this became of
    #[arg(long, value_enum)]
    outcome: Option<OutcomeArg>,
    /// Say what would become of them, event by event, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object a line: the API's answer for each callback, and the account at the end
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// What can have become of a callback that is worth reading again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutcomeArg {
    /// It was not understood
    Quarantined,
    /// It was not from whom it says
    Unauthentic,
    /// It was understood
    Events,
}

impl From<OutcomeArg> for CallbackOutcome {
    fn from(outcome: OutcomeArg) -> Self {
        match outcome {
            OutcomeArg::Quarantined => Self::Quarantined,
            OutcomeArg::Unauthentic => Self::Unauthentic,
            OutcomeArg::Events => Self::Events,
        }
    }
}

/// Reads them again, and ends with 0 if that could be done for each.
pub(super) async fn run(args: ReprocessArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(args.api.addresses()?)?;
    let mut run = Run { client, args, account: Account::default() };
    if run.args.ids.is_empty() {
        run.filtered().await?;
    } else {
        for id in run.args.ids.clone() {
            run.one(&id.to_string()).await?;
        }
    }
    let mut out = anstream::stdout().lock();
    if run.args.json {
        writeln!(out, "{}", serde_json::to_string(&run.account)?)?;
    } else {
        writeln!(out, "{}", run.account.in_words(run.args.dry_run))?;
    }
    Ok(if run.account.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One run of the command.
struct Run {
    client: Client,
    args: ReprocessArgs,
    account: Account,
}

impl Run {
    /// Everything that the filter finds, page by page. What is released on the way leaves the list, but never moves what follows:
    /// a cursor is a place among all callbacks.
    async fn filtered(&mut self) -> anyhow::Result<()> {
        let mut cursor = None;
        loop {
            let page = self.client.ask(&self.list(cursor.as_deref())).await?;
            for callback in page.get("data").and_then(Value::as_array).into_iter().flatten() {
                if let Some(id) = callback.get("id").and_then(Value::as_str) {
                    self.one(id).await?;
                }
            }
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// The path that lists what is to be read again, oldest first, so that what is released enters the stream in order.
    fn list(&self, cursor: Option<&str>) -> String {
        let args = &self.args;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("order", "asc").append_pair("limit", &LIMIT_MAX.to_string());
        let pairs = [
            ("source", args.source.as_ref().map(ToString::to_string)),
            ("since", args.since.as_ref().map(ToString::to_string)),
            ("until", args.until.as_ref().map(ToString::to_string)),
            ("outcome", args.outcome.map(|one| CallbackOutcome::from(one).as_str().to_owned())),
            ("cursor", cursor.map(str::to_owned)),
        ];
        for (name, value) in pairs {
            query.extend_pairs(value.map(|value| (name, value)));
        }
        format!("/v1/callbacks?{}", query.finish())
    }

    /// Reads one callback again. That it could not be is said, and does not keep the others from it; that nobody is there ends all.
    async fn one(&mut self, id: &str) -> anyhow::Result<()> {
        let dry_run = if self.args.dry_run { "?dry_run=true" } else { "" };
        let answer =
            match self.client.order(&format!("/v1/callbacks/{id}/reprocess{dry_run}")).await {
                Ok(answer) => answer,
                Err(error @ ClientError::Refused { status: 404 | 409 | 503, .. }) => {
                    self.account.failed += 1;
                    anstream::eprintln!("callbox: {id}: {error}");
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
        let mut out = anstream::stdout().lock();
        if self.args.json {
            writeln!(out, "{answer}")?;
        }
        let told = Told::read(&answer)?;
        self.account.add(&told);
        if !self.args.json {
            write!(out, "{told}")?;
        }
        Ok(())
    }
}
