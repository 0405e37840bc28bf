//! The sections `[sources.NAME]`: who pushes to us, how that is proved, and what is answered.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use jiff::tz::TimeZone;
use toml::Spanned;
use url::Url;

use super::expect;
use super::judge::Judge;
use super::mapping;
use super::mistakes::did_you_mean;
use super::raw::{Anything, RawAnswer, RawQuota, RawSource, Text};
use super::schemes::schemes;
use crate::domain::event_type::EventType;
use crate::domain::name::Name;
use crate::domain::source::{Answer, Quota, ReadSettings, Source};
use crate::vendor::{self, VENDORS, Vendor};

/// The largest `max_body`; the bodies in flight have to fit into memory together.
const MAX_BODY_MAX: u64 = 64 << 20;

/// The largest `unauthentic_keep.bytes`.
const KEEP_BYTES_MAX: u64 = 1 << 40;

/// The largest `rate`, in callbacks a second: more than a machine takes.
const RATE_MAX: u32 = 1_000_000;

/// The source of callbox's own alarms, which destinations may ask for, and nobody may configure.
pub(super) const OURS: &str = "callbox";

pub(super) fn sources(
    raw: &BTreeMap<Text, RawSource>,
    public_url: Option<&Url>,
    judge: &mut Judge<'_>,
) -> Option<Vec<Source>> {
    let sources: Vec<Option<Source>> =
        raw.iter().map(|(name, raw)| source(name, raw, public_url, judge)).collect();
    sources.into_iter().collect()
}

fn source(
    name: &Text,
    raw: &RawSource,
    public_url: Option<&Url>,
    judge: &mut Judge<'_>,
) -> Option<Source> {
    let read_name = judge.read::<Name>(name);
    if name.get_ref() == OURS {
        judge.refuse::<_, ()>(name, "this name is taken: callbox's own alarms come from it");
    }
    let auth = schemes(name, raw.auth.as_ref(), public_url, judge);
    let answer = answer(&raw.answer, judge);
    let answers = answers(&raw.answers, judge);
    let unauthentic_answer = unauthentic_answer(raw.unauthentic_answer.as_ref(), judge);
    let unauthentic_keep = quota(&raw.unauthentic_keep, judge);
    let rate = match &raw.rate {
        None => Some(None),
        Some(value) => rate(value, judge).map(Some),
    };
    let vendor = vendor(name, raw, judge)?;
    let max_body = match &raw.max_body {
        None => Some(vendor.default_max_body()),
        Some(value) => {
            judge.bytes(value, 1..=MAX_BODY_MAX).and_then(|bytes| usize::try_from(bytes).ok())
        }
    };
    let timezone = timezone(name, raw.timezone.as_ref(), vendor, judge);
    let zone = timezone.clone().unwrap_or(TimeZone::UTC);
    let expect = match &raw.expect {
        None => Some(None),
        Some(place) => expect::expect(place, &zone, judge).map(Some),
    };
    let stuck = match &raw.stuck {
        None => Some(None),
        Some(place) => expect::stuck(place, judge).map(Some),
    };
    let mapping = mapping::of_source(name, raw, vendor, judge);
    Some(Source {
        name: read_name?,
        vendor: vendor.code(),
        auth: auth?,
        max_body: max_body?,
        rate: rate?,
        reading: ReadSettings {
            timezone: timezone?,
            decode_escapes: raw.decode_escapes,
            mapping: mapping?,
        },
        answer: answer?,
        answers: answers?,
        unauthentic_answer: unauthentic_answer?,
        unauthentic_keep: unauthentic_keep?,
        written: serde_json::Map::new(),
        expect: expect?,
        stuck: stuck?,
    })
}

fn vendor(name: &Text, raw: &RawSource, judge: &mut Judge<'_>) -> Option<&'static dyn Vendor> {
    let codes = || VENDORS.iter().map(|vendor| vendor.code());
    let Some(code) = &raw.vendor else {
        let known: Vec<&str> = codes().collect();
        let message = format!("lacks `vendor`; known: {}", known.join(", "));
        judge.mistakes.lacks(name.span(), message);
        return None;
    };
    vendor::find(code.get_ref()).or_else(|| {
        let hint = did_you_mean(code.get_ref(), codes());
        judge.refuse(code, format!("there is no vendor `{code}`; {hint}"))
    })
}

fn timezone(
    name: &Text,
    zone: Option<&Text>,
    vendor: &dyn Vendor,
    judge: &mut Judge<'_>,
) -> Option<TimeZone> {
    let (at, zone) = zone.map_or((name, vendor.default_timezone()), |zone| (zone, zone.get_ref()));
    if let Ok(found) = TimeZone::get(zone) {
        return Some(found);
    }
    judge.refuse(
        at,
        format!("there is no time zone `{zone}`; IANA names are meant, such as Asia/Jakarta"),
    )
}

fn answer(raw: &RawAnswer, judge: &mut Judge<'_>) -> Option<Answer> {
    if let Some(status) = &raw.status
        && !(200..=299).contains(status.get_ref())
    {
        let message = "has to be 200 to 299: it is sent once the callback is on disk";
        judge.refuse(status, message)?;
    }
    if let Some(kind) = &raw.content_type
        && (kind.get_ref().is_empty() || !super::headers::visible(kind.get_ref()))
    {
        judge.refuse(kind, "not a content type such as \"text/plain\"")?;
    }
    Some(Answer {
        status: raw.status.as_ref().map(|status| *status.get_ref()),
        content_type: raw.content_type.as_ref().map(|kind| kind.get_ref().clone()),
        body: raw.body.clone(),
    })
}

fn answers(
    raw: &BTreeMap<Text, RawAnswer>,
    judge: &mut Judge<'_>,
) -> Option<BTreeMap<EventType, Answer>> {
    let read = raw.iter().map(|(kind, raw)| {
        let read_kind = event_type(kind, judge);
        let answer = answer(raw, judge);
        Some((read_kind?, answer?))
    });
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

fn event_type(kind: &Text, judge: &mut Judge<'_>) -> Option<EventType> {
    kind.get_ref().parse().ok().or_else(|| {
        let hint = did_you_mean(kind.get_ref(), EventType::ALL.iter().map(|kind| kind.as_str()));
        judge.refuse(kind, format!("`{kind}` is not a type of event; {hint}"))
    })
}

fn unauthentic_answer(status: Option<&Spanned<u16>>, judge: &mut Judge<'_>) -> Option<u16> {
    match status {
        None => Some(401),
        Some(status) if matches!(status.get_ref(), 200 | 401) => Some(*status.get_ref()),
        Some(status) => {
            judge.refuse(status, "has to be 401, or 200 for a vendor that gives up on 4xx")
        }
    }
}

/// Callbacks a second.
fn rate(value: &Anything, judge: &mut Judge<'_>) -> Option<NonZeroU32> {
    let number = value.get_ref().as_integer().and_then(|number| u32::try_from(number).ok());
    let rate = number.filter(|number| *number <= RATE_MAX).and_then(NonZeroU32::new);
    rate.or_else(|| {
        let message = format!("has to be a whole number of callbacks a second, 1 to {RATE_MAX}");
        judge.refuse(value, message)
    })
}

fn quota(raw: &RawQuota, judge: &mut Judge<'_>) -> Option<Quota> {
    let usual = Quota::default();
    let bytes = match &raw.bytes {
        None => Some(usual.bytes),
        Some(value) => judge.bytes(value, 1..=KEEP_BYTES_MAX),
    };
    Some(Quota { callbacks: raw.callbacks.unwrap_or(usual.callbacks), bytes: bytes? })
}
