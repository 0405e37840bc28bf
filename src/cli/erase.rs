//! `callbox erase`: a person goes, after a count and a question, and a receipt says what went.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::asking::{Asking, print};
use super::table::{at, local};
use super::target::ApiArgs;
use super::whom::WhomArgs;
use super::{FAILED, WRONG};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::erasure::{Erased, Erasure, ErasureState, Phase};
use crate::domain::id::{ErasureId, IdMaker};
use crate::domain::person::Wanted;
use crate::random::Random;
use crate::store::sqlite::SqliteStore;
use crate::store::{Erasing, Erasures, Plan, Store, Upkeep};

/// How often it is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// The arguments of `callbox erase`.
#[derive(Debug, Args)]
pub struct EraseArgs {
    #[command(flatten)]
    whom: WhomArgs,
    #[command(flatten)]
    leave: Leave,
    /// Work on the store itself, with the server stopped
    #[arg(long, conflicts_with_all = ["api", "key"])]
    offline: bool,
    /// Print the receipt as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// What may be done.
#[derive(Debug, Args)]
struct Leave {
    /// Only count what would go
    #[arg(long)]
    dry_run: bool,
    /// Don't ask; needed where nobody sits at a terminal
    #[arg(long)]
    yes: bool,
    /// Go on even if that is a number of one of your own accounts, with which all its conversations go
    #[arg(long)]
    own_number: bool,
}

/// Who does it: a running server, or this program itself.
enum Hand {
    Server(Asking),
    Own { store: Arc<SqliteStore>, clock: Arc<dyn Clock> },
}

/// Counts, asks, erases, and says what was erased.
pub async fn run(args: EraseArgs) -> anyhow::Result<ExitCode> {
    let is_asked = !args.leave.dry_run && !args.leave.yes;
    if is_asked && !std::io::stdin().is_terminal() {
        anstream::eprintln!(
            "callbox: nobody can be asked here: add --yes to erase for good, or --dry-run to count what would go"
        );
        return Ok(ExitCode::from(WRONG));
    }
    let hand = if args.offline {
        Hand::open(args.api.config())?
    } else {
        Hand::Server(Asking::of(&args.api)?)
    };
    let worked = work(&args, &hand, is_asked).await;
    if let Hand::Own { store, .. } = &hand {
        store.close().await.context("the store did not close cleanly")?;
    }
    worked
}

async fn work(args: &EraseArgs, hand: &Hand, is_asked: bool) -> anyhow::Result<ExitCode> {
    if args.leave.dry_run || is_asked {
        let counted = hand.erase(args, true).await?;
        if args.leave.dry_run || at(&counted, "/state") == "refused" {
            return receipt(args, &counted);
        }
        anstream::eprint!("{}", account(&counted, &args.whom.shown()));
        if !confirmed()? {
            anstream::eprintln!("nothing was erased");
            return Ok(ExitCode::from(FAILED));
        }
    }
    receipt(args, &hand.erase(args, false).await?)
}

fn confirmed() -> anyhow::Result<bool> {
    anstream::eprint!("Erase all of it, for good? Type yes: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("can't read the answer")?;
    Ok(answer.trim() == "yes")
}

impl Hand {
    /// Opens the store that a configuration names; a running server has it locked.
    fn open(config: &Path) -> anyhow::Result<Self> {
        let path = Config::load(config)?.store.path;
        if !path.exists() {
            anyhow::bail!(
                "there is no store at {}: name its configuration with --config",
                path.display()
            );
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = SqliteStore::open(&path, &clock, &Random::from_system())
            .with_context(|| format!("can't open the store {}", path.display()))?;
        Ok(Self::Own { store: Arc::new(store), clock })
    }

    /// Erases, or counts; the receipt.
    async fn erase(&self, args: &EraseArgs, dry_run: bool) -> anyhow::Result<Value> {
        let mut wish = args.whom.wish();
        wish.insert("dry_run".to_owned(), Value::Bool(dry_run));
        wish.insert("own_number".to_owned(), Value::Bool(args.leave.own_number));
        match self {
            Self::Server(asking) => by_server(asking, Value::Object(wish)).await,
            Self::Own { store, clock } => {
                let plan =
                    Plan { wanted: wanted(&wish)?, own_number: args.leave.own_number, marks: None };
                by_itself(store, clock, plan, dry_run).await
            }
        }
    }
}

async fn by_server(asking: &Asking, wish: Value) -> anyhow::Result<Value> {
    let clock = SystemClock::new();
    let mut erasure = asking.post_with("/v1/erasures", &wish).await?;
    let path = format!("/v1/erasures/{}", at(&erasure, "/id"));
    while at(&erasure, "/state") == "running" {
        clock.sleep(ASK_EVERY).await;
        erasure = asking.get(&path).await?;
    }
    Ok(erasure)
}

fn wanted(wish: &serde_json::Map<String, Value>) -> anyhow::Result<Wanted> {
    let text = |name: &str| wish.get(name).and_then(Value::as_str);
    let read = match (text("phone"), text("contact"), text("conversation")) {
        (Some(phone), ..) => Wanted::phone(phone),
        (_, Some(id), _) => Wanted::contact(id),
        (_, _, Some(id)) => Wanted::conversation(id),
        (None, None, None) => Err("--phone, --contact or --conversation"),
    };
    read.map_err(|allowed| anyhow::anyhow!("that is not {allowed}"))
}

async fn by_itself(
    store: &Arc<SqliteStore>,
    clock: &Arc<dyn Clock>,
    plan: Plan,
    dry_run: bool,
) -> anyhow::Result<Value> {
    let now = clock.now();
    let id = ErasureId::from_bits(IdMaker::new(Random::from_system()).next(now));
    let erasure = Erasure {
        id,
        state: ErasureState::Running,
        about: plan.wanted.word().to_owned(),
        dry_run,
        by: "offline".to_owned(),
        created_at: now,
        ended_at: None,
        phase: Phase::Learning,
        erased: Erased::default(),
        note: None,
    };
    store.begin_erasure(erasure, plan).await?;
    let (whole, asked) = (Arc::clone(store) as Arc<dyn Store>, Arc::new(Notify::new()));
    let mut erasing = Erasing::new(whole, Arc::clone(clock), asked, u64::MAX);
    loop {
        // What a server left half done is older, and comes first.
        let rest = erasing.tick().await?;
        if let Some(ended) = erasing.has_ended(id).await? {
            return Ok(json!(ended));
        }
        if !rest.is_zero() {
            clock.sleep(rest).await;
        }
    }
}

fn receipt(args: &EraseArgs, erasure: &Value) -> anyhow::Result<ExitCode> {
    print(args.json, [erasure], || account(erasure, &args.whom.shown()))?;
    let is_refused = at(erasure, "/state") == "refused";
    Ok(if is_refused { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

/// What is counted, in the words of the receipt.
const KINDS: [(&str, &str); 9] = [
    ("events", "events"),
    ("messages", "messages"),
    ("callbacks", "callbacks emptied"),
    ("deliveries", "deliveries"),
    ("deliveries_cancelled", "  of them still to be made"),
    ("attempts", "attempts"),
    ("events_redacted", "events of others that named the person"),
    ("attempts_redacted", "answers of destinations that did"),
    ("others", "filters, findings and alarms that did"),
];

fn account(erasure: &Value, whom: &str) -> String {
    let number = |name: &str| at(erasure, &format!("/erased/{name}"));
    let is_dry = erasure.get("dry_run").and_then(Value::as_bool).unwrap_or_default();
    let mut lines = vec![match at(erasure, "/state").as_str() {
        "refused" => format!("{whom}: nothing was erased"),
        _ if is_dry => format!("{whom}: this would be erased"),
        _ => format!(
            "{whom}: erased at {}, asked for by {}, {}",
            local(&at(erasure, "/ended_at")),
            at(erasure, "/by"),
            at(erasure, "/id")
        ),
    }];
    if at(erasure, "/state") != "refused" {
        lines.extend(KINDS.iter().map(|(name, what)| format!("{:>9}  {what}", number(name))));
        if !is_dry {
            lines.push(format!(
                "Backups made before {} still hold the person: remove them, or erase again once one was restored. \
                 What destinations were handed is with them.",
                local(&at(erasure, "/ended_at"))
            ));
        }
    }
    let note = at(erasure, "/note");
    lines.extend((!note.is_empty()).then_some(note));
    lines.join("\n") + "\n"
}
