//! The sections `[destinations.NAME]`: who gets events, which, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;

use super::backlog;
use super::filter::filter;
use super::headers::own_headers;
use super::judge::Judge;
use super::mistakes::did_you_mean;
use super::pace;
use super::raw::{RawDestination, RawSource, Text};
use super::secrets::signing_secret;
use super::sources::OURS;
use super::tls::tls;
use super::transform::transform;
use super::urls::destination_url;
use crate::domain::destination::{Destination, Format};
use crate::domain::event::Channel;
use crate::domain::glob::Glob;
use crate::domain::name::Name;
use crate::domain::order::{OnExhausted, OrderedBy};

/// An attempt's deadline unless told otherwise, and its bounds.
const TIMEOUT: Duration = Duration::from_secs(30);
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
const TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// Attempts at a time unless told otherwise, and the most.
const CONCURRENCY: usize = 8;
const CONCURRENCY_MAX: usize = 256;

/// What can be wanted one after the other.
const ORDERS: [(&str, Option<OrderedBy>); 3] = [
    ("none", None),
    ("message", Some(OrderedBy::Message)),
    ("conversation", Some(OrderedBy::Conversation)),
];

pub(super) fn destinations(
    raw: &BTreeMap<Text, RawDestination>,
    sources: &BTreeMap<Text, RawSource>,
    judge: &mut Judge<'_>,
) -> Option<Vec<Destination>> {
    let destinations: Vec<Option<Destination>> =
        raw.iter().map(|(name, raw)| destination(name, raw, sources, judge)).collect();
    destinations.into_iter().collect()
}

fn destination(
    name: &Text,
    raw: &RawDestination,
    sources: &BTreeMap<Text, RawSource>,
    judge: &mut Judge<'_>,
) -> Option<Destination> {
    let read_name = judge.read::<Name>(name);
    let url = raw.url.as_ref().and_then(|text| destination_url(text, judge));
    if raw.url.is_none() {
        judge.mistakes.lacks(name.span(), "lacks `url`, where deliveries are posted");
    }
    let events = events(raw.events.as_ref(), judge);
    let wanted = judge.each(&raw.sources, |judge, text| known_source(text, sources, judge));
    let channels = judge.each(&raw.channels, |judge, text| channel(text, judge));
    let filter = filter(raw.filter.as_ref(), judge);
    let secrets = judge.each(&raw.secrets, |judge, text| signing_secret(judge, text));
    let headers = own_headers(&raw.headers, judge);
    let format = format(raw.format.as_ref(), judge);
    let transform = transform(raw, judge);
    let tls = tls(raw, url.as_ref(), judge);
    let timeout = raw
        .timeout
        .as_ref()
        .map_or(Some(TIMEOUT), |text| judge.duration(text, TIMEOUT_MIN, TIMEOUT_MAX));
    let max_concurrency = concurrency(raw.max_concurrency.as_ref(), judge);
    let order = raw.order.as_ref().map_or(Some(None), |text| judge.word(text, &ORDERS));
    let on_exhausted = on_exhausted(raw.on_exhausted.as_ref(), judge);
    let retry = pace::retry(name, raw, judge);
    let rate = match &raw.rate {
        None => Some(None),
        Some(value) => pace::rate(value, judge).map(Some),
    };
    let fail_fast = pace::fail_fast(&raw.fail_fast, judge);
    let from = backlog::from(raw.from.as_ref(), judge);
    let bounds = backlog::bounds(raw, judge);
    let allow_subnets = judge.each(&raw.allow_subnets, Judge::network);
    Some(Destination {
        name: read_name?,
        url: url?,
        events: events?,
        sources: wanted?,
        channels: channels?,
        filter: filter?,
        secrets: secrets?,
        headers: headers?,
        format: format?,
        transform: transform?,
        tls: tls?,
        timeout: timeout?,
        max_concurrency: max_concurrency?,
        order: order?,
        on_exhausted: on_exhausted?,
        rate: rate?,
        fail_fast: fail_fast?,
        retry: retry?,
        from: from?,
        backlog: bounds?,
        enabled: raw.enabled.unwrap_or(true),
        allow_subnets: allow_subnets?,
    })
}

fn events(list: Option<&Spanned<Vec<Text>>>, judge: &mut Judge<'_>) -> Option<Vec<Glob>> {
    match list {
        None => "*".parse().ok().map(|all| vec![all]),
        Some(list) if list.get_ref().is_empty() => judge.refuse(
            list,
            "no event would ever be delivered; leave the key out for all, or say enabled = false",
        ),
        Some(list) => judge.each(list.get_ref(), Judge::read::<Glob>),
    }
}

pub(super) fn known_source(
    text: &Text,
    sources: &BTreeMap<Text, RawSource>,
    judge: &mut Judge<'_>,
) -> Option<Name> {
    if !sources.contains_key(text) && text.get_ref() != OURS {
        let known = sources.keys().map(|name| name.get_ref().as_str());
        let hint = did_you_mean(text.get_ref(), known);
        return judge.refuse(text, format!("there is no source `{text}`; {hint}"));
    }
    judge.read::<Name>(text)
}

fn channel(text: &Text, judge: &mut Judge<'_>) -> Option<Channel> {
    let known: Vec<(&str, Channel)> =
        Channel::ALL.iter().map(|channel| (channel.as_str(), *channel)).collect();
    judge.word(text, &known)
}

fn format(text: Option<&Text>, judge: &mut Judge<'_>) -> Option<Format> {
    const FORMATS: [(&str, Format); 3] =
        [("event", Format::Event), ("cloudevents", Format::CloudEvents), ("raw", Format::Raw)];
    text.map_or(Some(Format::default()), |text| judge.word(text, &FORMATS))
}

fn on_exhausted(text: Option<&Text>, judge: &mut Judge<'_>) -> Option<OnExhausted> {
    const WORDS: [(&str, OnExhausted); 2] =
        [("block", OnExhausted::Block), ("skip", OnExhausted::Skip)];
    text.map_or(Some(OnExhausted::default()), |text| judge.word(text, &WORDS))
}

fn concurrency(number: Option<&Spanned<usize>>, judge: &mut Judge<'_>) -> Option<usize> {
    match number {
        None => Some(CONCURRENCY),
        Some(number) if (1..=CONCURRENCY_MAX).contains(number.get_ref()) => Some(*number.get_ref()),
        Some(number) => judge.refuse(number, format!("has to be between 1 and {CONCURRENCY_MAX}")),
    }
}
