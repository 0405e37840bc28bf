//! `callbox check`: reads the configuration, says what would run, and warns of what should not meet the internet like that.

mod warnings;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Value, json};

use super::WRONG;
use crate::config::Config;
use crate::domain::destination::Destination;
use crate::domain::source::{Scheme, Source};
use crate::store::sqlite::{self, Inspection};

const BOLD: Style = Style::new().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// The arguments of `callbox check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration file
    #[arg(long, default_value = "config/callbox.toml", value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON object instead of tables; it holds the push URLs with their tokens
    #[arg(long)]
    json: bool,
    /// Look at the whole store too: every page, every reference, every callback's checksum. It may be in use
    #[arg(long)]
    deep: bool,
}

/// Says what would run, on stdout, and what is wrong or doubtful, on stderr. Starts nothing and writes nothing.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let code = check(args, &mut anstream::stdout(), &mut anstream::stderr())?;
    Ok(ExitCode::from(code))
}

fn check(args: &CheckArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(error) => {
            writeln!(err, "{:#}", anyhow::Error::new(error))?;
            return Ok(WRONG);
        }
    };
    if args.json {
        writeln!(out, "{:#}", as_json(&config))?;
    } else {
        as_tables(&config, out)?;
    }
    for warning in warnings::warnings(&config, &args.config) {
        writeln!(err, "{YELLOW}warning:{YELLOW:#} {warning}")?;
    }
    if args.deep { deep(&config, args.json, out, err) } else { Ok(super::GOOD) }
}

/// Looks at the store as a whole.
fn deep(config: &Config, json: bool, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let path = config.store.path.display();
    let inspection = match sqlite::inspect(&config.store.path) {
        Ok(inspection) => inspection,
        Err(error) => {
            writeln!(err, "{RED}{path} can't be looked at:{RED:#} {error}")?;
            return Ok(super::FAILED);
        }
    };
    let Inspection { callbacks, events, messages, deliveries, findings } = inspection;
    if !json {
        let counts = format!(
            "{callbacks} callbacks, {events} events, {messages} messages, {deliveries} deliveries"
        );
        writeln!(out, "\n{BOLD}store{BOLD:#}  {counts}")?;
    }
    if findings.is_empty() {
        writeln!(err, "{path} is whole: every page, every reference, every callback's checksum")?;
        return Ok(super::GOOD);
    }
    for finding in findings {
        writeln!(err, "{RED}damaged:{RED:#} {finding}")?;
    }
    writeln!(err, "{path} is damaged: stop, copy the file away, and restore a backup")?;
    Ok(super::FAILED)
}

fn as_json(config: &Config) -> Value {
    let source = |source: &Source| {
        json!({
            "name": source.name,
            "vendor": source.vendor,
            "push_path": source.push_path(true),
        })
    };
    let destination = |destination: &Destination| {
        json!({
            "name": destination.name,
            "url": destination.url.as_str(),
            "events": patterns(destination),
        })
    };
    json!({
        "listen": config.server.listen.to_string(),
        "api": config.api.listen.to_string(),
        "store": config.store.path.to_string_lossy(),
        "sources": config.sources.iter().map(source).collect::<Vec<_>>(),
        "destinations": config.destinations.iter().map(destination).collect::<Vec<_>>(),
    })
}

fn as_tables(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let public_url = config.server.public_url.as_ref();
    let base = public_url.map_or_else(
        || format!("http://{}", config.server.listen),
        |url| url.as_str().trim_end_matches('/').to_owned(),
    );
    writeln!(out, "{BOLD}vendors push to{BOLD:#}  {}", config.server.listen)?;
    writeln!(out, "{BOLD}questions at{BOLD:#}     {}", config.api.listen)?;
    writeln!(out, "{BOLD}kept in{BOLD:#}          {}", config.store.path.display())?;
    let sources = config.sources.iter().map(|source| {
        let url = format!("{base}{}", source.push_path(false));
        [source.name.to_string(), source.vendor.to_owned(), url, proofs(source)]
    });
    table(out, "sources", &sources.collect::<Vec<_>>())?;
    let destinations = config.destinations.iter().map(|destination| {
        let state = if destination.enabled { "" } else { "switched off" };
        let events = patterns(destination).join(" ");
        [destination.name.to_string(), destination.url.to_string(), events, state.to_owned()]
    });
    table(out, "destinations", &destinations.collect::<Vec<_>>())
}

/// Rows under a heading, each column as wide as its widest cell; a source without authentication in red.
fn table(out: &mut dyn Write, heading: &str, rows: &[[String; 4]]) -> io::Result<()> {
    writeln!(out, "\n{BOLD}{heading}{BOLD:#}")?;
    if rows.is_empty() {
        return writeln!(out, "  none");
    }
    let width = |cell: fn(&[String; 4]) -> &String| {
        rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or_default()
    };
    let (first, second, third) = (width(|row| &row[0]), width(|row| &row[1]), width(|row| &row[2]));
    for [one, two, three, four] in rows {
        let style = if four == Scheme::None.word() { RED } else { Style::new() };
        let line = format!("  {one:first$}  {two:second$}  {three:third$}  {style}{four}{style:#}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// What has to hold of a source's callbacks, such as `token + hmac`.
fn proofs(source: &Source) -> String {
    source.auth.iter().map(Scheme::word).collect::<Vec<_>>().join(" + ")
}

fn patterns(destination: &Destination) -> Vec<String> {
    destination.events.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
        [server]
        public_url = "https://hooks.example.com/"
        [sources.shop]
        vendor = "wavecell"
        auth = [{ type = "token", secrets = ["s3cret-one", "older"] }, { type = "bearer", secrets = ["s3cret-two"] }]
        [sources.open]
        vendor = "wachat"
        auth = [{ type = "none" }]
        [destinations.crm]
        url = "https://crm.example.com/hooks"
        events = ["message.*", "callbox.*"]
        headers = { X-Key = "s3cret-three" }
    "#;

    fn checked(text: &str, json: bool) -> (u8, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("callbox.toml");
        std::fs::write(&config, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(&CheckArgs { config, json, deep: false }, &mut out, &mut err).unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn what_would_run_is_printed_for_programs() {
        let (code, out, _) = checked(CONFIG, true);
        let expected = json!({
            "listen": "127.0.0.1:8080",
            "api": "127.0.0.1:8081",
            "store": "data/callbox.db",
            "sources": [
                { "name": "open", "vendor": "wachat", "push_path": "/in/open" },
                { "name": "shop", "vendor": "wavecell", "push_path": "/in/shop/s3cret-one" },
            ],
            "destinations": [
                { "name": "crm", "url": "https://crm.example.com/hooks", "events": ["message.*", "callbox.*"] },
            ],
        });
        assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()), (0, expected));
    }

    #[test]
    fn people_see_no_secret_and_red_where_nothing_is_proved() {
        let (code, out, err) = checked(CONFIG, false);
        assert_eq!(code, 0);
        assert!(out.contains("https://hooks.example.com/in/shop/***  token + bearer\n"), "{out}");
        assert!(out.contains(&format!("{RED}none{RED:#}")), "{out}");
        assert!(!out.contains("s3cret") && !err.contains("s3cret"), "{out}{err}");
        assert!(err.contains("[sources.open]"), "{err}");
    }

    #[test]
    fn a_wrong_configuration_ends_with_2_and_its_mistakes() {
        let (code, out, err) = checked("[server]\nlisten = \"x\"\n[sever]\n", true);
        assert_eq!((code, out.as_str()), (WRONG, ""));
        assert_eq!(err.lines().count(), 2, "{err}");
        assert!(err.contains("callbox.toml:2: [server] listen: "), "{err}");
    }

    #[test]
    fn a_file_that_is_not_there_ends_with_2_and_is_named() {
        let args = CheckArgs { config: "not/there.toml".into(), json: false, deep: false };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(check(&args, &mut out, &mut err).unwrap(), WRONG);
        let told = String::from_utf8(err).unwrap();
        assert!(told.contains("not/there.toml"), "{told}");
        assert_eq!(told.matches("No such file").count(), 1, "{told}");
    }
}
