//! What the demo tells: what came in, what it became, who got it, and where to look next.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};

use super::account::{Account, DestinationAccount, Hardest, VendorAccount};
use super::sink::Tally;
use crate::replay::client::{Addresses, segment};
use crate::replay::request::Request;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const ODD: Style = AnsiColor::Yellow.on_default();

/// How many of a vendor's types are named.
const TYPES_MAX: usize = 6;

/// The whole account, for a terminal.
pub(super) fn tell(
    account: &Account,
    tally: &Tally,
    addresses: &Addresses,
) -> Result<String, fmt::Error> {
    let mut text = String::new();
    tell_vendors(account, &mut text)?;
    tell_destinations(account, tally, &mut text)?;
    tell_where_to_look(account, addresses, &mut text)?;
    Ok(text)
}

fn tell_vendors(account: &Account, text: &mut String) -> fmt::Result {
    writeln!(text, "{BOLD}What came in, and what it became{BOLD:#}\n")?;
    writeln!(
        text,
        "  {DIM}{:<11} {:>9} {:>7} {:>10} {:>11} {:>7}{DIM:#}",
        "vendor", "callbacks", "events", "duplicates", "quarantined", "refused"
    )?;
    for (vendor, seen) in &account.vendors {
        let VendorAccount { callbacks, events, duplicates, quarantined, refused } = seen;
        let count: usize = events.values().sum();
        writeln!(
            text,
            "  {vendor:<11} {callbacks:>9} {GOOD}{count:>7}{GOOD:#} {duplicates:>10} \
             {ODD}{quarantined:>11}{ODD:#} {refused:>7}"
        )?;
    }
    writeln!(text)?;
    for (vendor, seen) in &account.vendors {
        writeln!(text, "  {vendor:<11} {DIM}{}{DIM:#}", types(seen))?;
    }
    Ok(())
}

/// The vendor's types, the most frequent first.
fn types(seen: &VendorAccount) -> String {
    let mut types: Vec<(&String, &usize)> = seen.events.iter().collect();
    types.sort_by_key(|(kind, count)| (std::cmp::Reverse(**count), *kind));
    let rest = types.len().saturating_sub(TYPES_MAX);
    let named = types.iter().take(TYPES_MAX).map(|(kind, count)| format!("{kind} {count}"));
    let mut named: Vec<String> = named.collect();
    if rest > 0 {
        named.push(format!("and {rest} more"));
    }
    named.join(", ")
}

fn tell_destinations(account: &Account, tally: &Tally, text: &mut String) -> fmt::Result {
    writeln!(text, "\n{BOLD}Who got it{BOLD:#}\n")?;
    for (name, got) in &account.destinations {
        let DestinationAccount { succeeded, given_up, retries } = got;
        write!(text, "  {name:<11} {GOOD}{succeeded} delivered{GOOD:#}, {retries} retries")?;
        if *given_up > 0 {
            write!(text, ", {ODD}{given_up} given up{ODD:#}")?;
        }
        writeln!(text)?;
    }
    let Tally { taken, refused, forged } = tally;
    writeln!(
        text,
        "\n  The service behind both took {taken} deliveries, each with a right signature ({forged} were wrong).\n  \
         At first it answered {refused} attempts with 503, and then recovered."
    )?;
    if let Some(hardest) = &account.hardest {
        writeln!(text, "  {}", story(hardest))?;
    }
    if account.open > 0 {
        writeln!(text, "  {ODD}{} deliveries have not ended yet.{ODD:#}", account.open)?;
    }
    Ok(())
}

/// The attempts of a delivery, one after the other.
fn story(hardest: &Hardest) -> String {
    let Hardest { event, destination, attempts } = hardest;
    let mut text = format!("{event} to {destination}:");
    let mut last = None;
    for (began, status) in attempts {
        if let Some(last) = last {
            let _ = write!(text, ", {:.1} s later", began.since(last).as_secs_f64());
        }
        let status = status.map_or("no answer".to_owned(), |status| status.to_string());
        let _ = write!(text, " {status}");
        last = Some(*began);
    }
    text
}

fn tell_where_to_look(account: &Account, addresses: &Addresses, text: &mut String) -> fmt::Result {
    let api = addresses.api.as_str().trim_end_matches('/');
    let push = addresses.push.as_str().trim_end_matches('/');
    let mut look =
        |about: &str, command: String| writeln!(text, "\n  {DIM}# {about}{DIM:#}\n  {command}");
    look("the events, newest first", format!("curl '{api}/v1/events?type=message.*&limit=3'"))?;
    if let Some((source, id)) = &account.longest_message {
        let id = segment(id);
        let about = "one message: its state, and everything that happened to it";
        look(about, format!("curl '{api}/v1/messages/{source}/{id}'"))?;
    }
    if let Some(Hardest { event, .. }) = &account.hardest {
        let about = "one event: its deliveries, attempt by attempt";
        look(about, format!("curl '{api}/v1/events/{event}'"))?;
    }
    let about = "what was kept but not understood";
    look(about, format!("curl '{api}/v1/callbacks?outcome=quarantined'"))?;
    if let Some(request) = &account.short {
        look("one of the callbacks again: it is known already", again(push, request))?;
    }
    Ok(())
}

/// The request as a line of shell.
fn again(push: &str, request: &Request) -> String {
    let mut headers = request.headers.iter();
    let typed = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let typed = typed.map(|(_, value)| format!("-H 'Content-Type: {value}' ")).unwrap_or_default();
    let body = String::from_utf8_lossy(&request.body);
    format!("curl '{push}{}' {typed}--data-raw '{body}'", request.target)
}
