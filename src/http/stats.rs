//! `/v1/stats`: counts by minute, hour and day, from counters that are kept with every commit and not from the events.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::operation::{Answer, Operation};
use super::parameters;
use super::params::{self, Params, not_allowed};
use super::problem::{Code, Problem};
use super::room::{Current, Room};
use crate::clock::Time;
use crate::domain::event::EventType;
use crate::domain::glob::Glob;
use crate::domain::name::Name;
use crate::domain::stats::{Bucket, Counted, Counts, StatsFilter};

/// Counts over time.
pub(super) const STATS: Operation =
    Operation::get("getStats", "Count events, callbacks and deliveries over time", || {
        web::to(stats)
    })
    .takes(&[parameters::STATS])
    .answers(&[Answer::json::<StatsTold>("The counts, one bucket after the other.")]);

/// What the counts are told by: the word, what is counted, and whether it is told by source or destination.
const BY: [(&str, (Counted, bool)); 7] = [
    ("type", (Counted::Events, false)),
    ("source", (Counted::Events, true)),
    ("outcome", (Counted::Callbacks, false)),
    ("callbacks", (Counted::Callbacks, true)),
    ("state", (Counted::Deliveries, false)),
    ("destination", (Counted::Deliveries, true)),
    ("attempt", (Counted::Attempts, false)),
];

/// The words that `by` can be.
pub(super) fn by_words() -> Vec<&'static str> {
    BY.iter().map(|(word, _)| *word).collect()
}

/// The words that `per` can be.
pub(super) fn per_words() -> Vec<&'static str> {
    Bucket::ALL.iter().map(|bucket| bucket.as_str()).collect()
}

/// Counts, as they are answered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Stats")]
struct StatsTold {
    /// What the counts are told by.
    by: &'static str,
    /// The length of a bucket.
    per: &'static str,
    /// The beginning of the first bucket.
    since: Time,
    /// The end of the last bucket.
    until: Time,
    /// All buckets together.
    total: u64,
    /// All buckets together, by what was asked for.
    counts: BTreeMap<String, u64>,
    /// Every bucket, oldest first; one in which nothing was counted is there too.
    data: Vec<BucketTold>,
}

/// One bucket.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "StatsBucket")]
struct BucketTold {
    /// Its beginning.
    at: Time,
    /// All that was counted in it.
    total: u64,
    /// The same, by what was asked for.
    counts: BTreeMap<String, u64>,
}

/// `GET /v1/stats`.
async fn stats(
    room: Current,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::read(request.query_string())?;
    let (by, filter) = filter(&room, &mut params, &caller)?;
    params.end()?;
    let counts = room.store.counts(filter.clone()).await?;
    Ok(HttpResponse::Ok().json(told(by, &filter, counts)))
}

fn filter(
    room: &Room,
    params: &mut Params,
    caller: &Caller,
) -> Result<(&'static str, StatsFilter), Problem> {
    let words = BY.map(|(word, meaning)| (word, (word, meaning)));
    let by = params.word("by", &words)?;
    let pers = Bucket::ALL.map(|bucket| (bucket.as_str(), bucket));
    let per = params.word("per", &pers)?.unwrap_or(Bucket::Hour);
    let (since, until) = range(room, params, per)?;
    let (sources, destinations) = (names(params, "source")?, names(params, "destination")?);
    let usual = if destinations.is_empty() {
        ("type", (Counted::Events, false))
    } else {
        ("destination", (Counted::Deliveries, true))
    };
    let (by, (what, by_name)) = by.unwrap_or(usual);
    let (ours, other, name) = if what.is_of_destinations() {
        (destinations, sources, "source")
    } else {
        (sources, destinations, "destination")
    };
    if !other.is_empty() {
        return Err(beside(name, by));
    }
    let types = types(params)?;
    if types.is_some() && what != Counted::Events {
        return Err(beside("type", by));
    }
    let names = in_reach(room, caller, what, ours);
    Ok((by, StatsFilter { what, by_name, per, since, until, names, words: types }))
}

/// The time that is asked for, in whole buckets.
fn range(room: &Room, params: &mut Params, per: Bucket) -> Result<(Time, Time), Problem> {
    let now = room.clock.now();
    let until = params.parsed("until", params::TIME)?.map_or(now, |until: Time| until.min(now));
    let since: Option<Time> = params.parsed("since", params::TIME)?;
    let since = since.unwrap_or_else(|| until.before(per.range_usual()));
    let (since, until) = (per.start(since), per.end(until));
    let days = |length: std::time::Duration| length.as_secs() / 86_400;
    let word = per.as_str();
    if since < per.start(now.before(per.kept())) {
        let allowed = format!(
            "a time up to {} days ago: counts per {word} go no further back",
            days(per.kept())
        );
        return Err(not_allowed("since", &since.to_string(), &allowed));
    }
    if until.since(since)
        > per.range_max() + std::time::Duration::from_millis(per.millis().unsigned_abs())
    {
        let allowed = format!(
            "up to {} days before `until` with per={word}; ask in parts, or per a longer time",
            days(per.range_max())
        );
        return Err(not_allowed("since", &since.to_string(), &allowed));
    }
    Ok((since, until))
}

/// That a parameter narrows something else than what is counted.
fn beside(name: &str, by: &str) -> Problem {
    let detail = format!(
        "parameter `{name}`: it does not go with by={by}; leave it out, or count by something else"
    );
    Problem::new(Code::InvalidParameter, detail)
}

fn names(params: &mut Params, name: &'static str) -> Result<Vec<Name>, Problem> {
    let all = params.all(name).into_iter();
    all.map(|text| text.parse().map_err(|_| not_allowed(name, &text, "a name"))).collect()
}

fn types(params: &mut Params) -> Result<Option<Vec<&'static str>>, Problem> {
    let globs = params.all("type").into_iter().map(|text| {
        text.parse::<Glob>()
            .map_err(|_| not_allowed("type", &text, "a pattern over event types such as message.*"))
    });
    let globs: Vec<Glob> = globs.collect::<Result<_, _>>()?;
    if globs.is_empty() {
        return Ok(None);
    }
    let fits = |kind: &&EventType| globs.iter().any(|glob| glob.matches(kind.as_str()));
    Ok(Some(EventType::ALL.iter().filter(fits).map(|kind| kind.as_str()).collect()))
}

/// The sources or destinations to count of: those asked for, within what the caller may see.
fn in_reach(room: &Room, caller: &Caller, what: Counted, asked: Vec<Name>) -> Option<Vec<Name>> {
    let wanted = |name: &Name| asked.is_empty() || asked.contains(name);
    let Some(sources) = caller.reach.sources() else {
        return (!asked.is_empty()).then_some(asked);
    };
    if what.is_of_destinations() {
        let destinations = room.config.destinations.iter();
        let seen = destinations.filter(|one| caller.reach.has_destination(one));
        return Some(seen.map(|one| one.name.clone()).filter(wanted).collect());
    }
    Some(sources.iter().filter(|name| wanted(name)).cloned().collect())
}

fn told(by: &'static str, filter: &StatsFilter, mut found: Counts) -> StatsTold {
    let mut told = StatsTold {
        by,
        per: filter.per.as_str(),
        since: filter.since,
        until: filter.until,
        total: 0,
        counts: BTreeMap::new(),
        data: Vec::new(),
    };
    let mut at = filter.since;
    while at < filter.until {
        let counts = found.0.remove(&at).unwrap_or_default();
        let total = counts.values().sum();
        told.total += total;
        for (label, number) in &counts {
            *told.counts.entry(label.clone()).or_default() += number;
        }
        told.data.push(BucketTold { at, total, counts });
        at = Time::from_millis(at.as_millis() + filter.per.millis());
    }
    told
}
