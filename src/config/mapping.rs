//! The sections `[sources.NAME.mapping]`: where everything is found in the callbacks of a sender that has no code of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Zoned;
use jiff::tz::TimeZone;
use toml::Spanned;

use super::headers::header_name;
use super::judge::Judge;
use super::mistakes::did_you_mean;
use super::raw::{Places, RawMapping, RawPlaces, RawSource, Text};
use crate::domain::event::Channel;
use crate::domain::mapping::{
    DuplicateKey, Field, Mapping, Meaning, NotAKey, Place, Pointer, plain_word,
};
use crate::domain::message::State;
use crate::vendor::read::times;
use crate::vendor::{VENDORS, Vendor};

/// In `types`: every word that is not there by itself.
const ANY_OTHER: &str = "*";

/// The mapping of a source, if its vendor is one that needs it; others can't have one.
#[expect(
    clippy::option_option,
    reason = "the outer one is the judge's: a mistake was noted; the inner one says that there is none"
)]
pub(super) fn of_source(
    name: &Text,
    raw: &RawSource,
    vendor: &dyn Vendor,
    judge: &mut Judge<'_>,
) -> Option<Option<Arc<Mapping>>> {
    match &raw.mapping {
        Some(raw) if vendor.reads_by_mapping() => {
            mapping(name, raw, judge).map(|mapping| Some(Arc::new(mapping)))
        }
        None if vendor.reads_by_mapping() => {
            let message = format!(
                "lacks [sources.{name}.mapping], which says where `type`, `id` and all else are found"
            );
            judge.mistakes.lacks(name.span(), message);
            None
        }
        Some(raw) => {
            let takers = VENDORS.iter().filter(|vendor| vendor.reads_by_mapping());
            let takers: Vec<&str> = takers.map(|vendor| vendor.code()).collect();
            let (code, takers) = (vendor.code(), takers.join("` and `"));
            judge.refuse(
                raw,
                format!("is for the vendor `{takers}`: `{code}` knows its callbacks by itself"),
            )
        }
        None => Some(None),
    }
}

fn mapping(name: &Text, raw: &Spanned<RawMapping>, judge: &mut Judge<'_>) -> Option<Mapping> {
    let inner = raw.get_ref();
    let each = match &inner.each {
        None => Some(None),
        Some(text) => pointer(text, judge).map(Some),
    };
    let places = places(inner, judge);
    let types = types(inner, places.as_ref(), judge);
    let statuses = statuses(inner, judge);
    let time_format = match &inner.time_format {
        None => Some(None),
        Some(text) => time_format(text, judge).map(Some),
    };
    let duplicate_key = match &inner.duplicate_key {
        None => Some(None),
        Some(text) => duplicate_key(text, inner, judge).map(Some),
    };
    let lacks_none = has_what_it_needs(name, inner, judge);
    let (types, other_types) = types?;
    lacks_none?;
    Some(Mapping {
        each: each?,
        takes_get: inner.takes_get,
        places: places?,
        types,
        other_types,
        statuses: statuses?,
        time_format: time_format?,
        duplicate_key: duplicate_key?,
    })
}

/// Refuses a mapping by which nothing could be read.
fn has_what_it_needs(name: &Text, raw: &RawMapping, judge: &mut Judge<'_>) -> Option<()> {
    let mut lacks = |key: &str, why: &str| {
        judge.mistakes.lacks(name.span(), format!("mapping lacks `{key}`, {why}"));
    };
    let means_receipts = raw.types.values().any(|meaning| meaning.get_ref() == Meaning::RECEIPT)
        || constants(raw.r#type.as_ref()).any(|word| word == Meaning::RECEIPT);
    let mut complete = true;
    if raw.r#type.is_none() {
        lacks(
            "type",
            "such as type = \"/event\", or type = \"text:message.received\" for one type alone",
        );
        complete = false;
    }
    if raw.id.is_none() {
        lacks("id", "the place of the message's id");
        complete = false;
    }
    if raw.status.is_none() && (means_receipts || !raw.statuses.is_empty()) {
        lacks("status", "the place of the word that says how far a message has come");
        complete = false;
    }
    complete.then_some(())
}

fn places(raw: &RawMapping, judge: &mut Judge<'_>) -> Option<BTreeMap<Field, Vec<Place>>> {
    let mut read = Vec::new();
    for field in Field::ALL.iter().copied() {
        let Some(written) = written(raw, field) else { continue };
        let places = match written.get_ref() {
            RawPlaces::One(text) => place(written, text, field, judge).map(|place| vec![place]),
            RawPlaces::Several(texts) if texts.is_empty() => {
                judge.refuse(written, "names no place; leave the key out")
            }
            RawPlaces::Several(texts) => {
                judge.each(texts, |judge, text| place(text, text.get_ref(), field, judge))
            }
        };
        read.push(places.map(|places| (field, places)));
    }
    read.into_iter().collect()
}

fn place<T>(at: &Spanned<T>, text: &str, field: Field, judge: &mut Judge<'_>) -> Option<Place> {
    let place = match text.parse() {
        Ok(place) => place,
        Err(error) => return judge.refuse(at, format!("`{text}` is {error}")),
    };
    if let Place::Header(name) = &place
        && header_name(name).is_none()
    {
        return judge.refuse(at, "`header:` needs the name of a header behind it");
    }
    if let (Field::Channel, Place::Text(word)) = (field, &place)
        && Channel::parse(word).is_none()
    {
        let hint = did_you_mean(word, Channel::ALL.iter().map(|channel| channel.as_str()));
        return judge.refuse(at, format!("there is no channel `{word}`; {hint}"));
    }
    Some(place)
}

fn pointer(text: &Text, judge: &mut Judge<'_>) -> Option<Pointer> {
    text.get_ref().parse().ok().or_else(|| {
        let message = "not a JSON Pointer such as \"/events\"; \"\" is the body itself";
        judge.refuse(text, message)
    })
}

/// What the words of `type` mean: those with a name, and all others. A constant type is its own word.
fn types(
    raw: &RawMapping,
    places: Option<&BTreeMap<Field, Vec<Place>>>,
    judge: &mut Judge<'_>,
) -> Option<(BTreeMap<String, Meaning>, Option<Meaning>)> {
    let mut types = words(&raw.types, judge, |judge, meant| {
        Meaning::parse(meant.get_ref()).or_else(|| {
            let hint = did_you_mean(meant.get_ref(), Meaning::words());
            judge.refuse(meant, format!("`{meant}` is not a type of event; {hint}"))
        })
    })?;
    let other_types = types.remove(ANY_OTHER);
    let Some(written) = &raw.r#type else { return Some((types, other_types)) };
    for place in places?.get(&Field::Type)? {
        let Place::Text(word) = place else { continue };
        if types.contains_key(&plain_word(word)) {
            continue;
        }
        let Some(meaning) = Meaning::parse(word) else {
            let hint = did_you_mean(word, Meaning::words());
            return judge.refuse(
                written,
                format!("`{word}` is neither in `types` nor a type of event; {hint}"),
            );
        };
        types.insert(plain_word(word), meaning);
    }
    if types.is_empty() && other_types.is_none() {
        return judge.refuse(
            written,
            "nothing says what its words mean: add types = { \"their word\" = \"message.received\" }",
        );
    }
    Some((types, other_types))
}

fn statuses(raw: &RawMapping, judge: &mut Judge<'_>) -> Option<BTreeMap<String, State>> {
    if let Some(word) = raw.statuses.keys().find(|word| word.get_ref() == ANY_OTHER) {
        let message = "a status that is not known is never guessed; write its word";
        return judge.refuse(word, message);
    }
    let known = State::ALL.map(|state| (state.as_str(), state));
    words(&raw.statuses, judge, |judge, meant| judge.word(meant, &known))
}

/// What each of the sender's words means. Letter case does not matter, so no two words may differ in it alone.
fn words<T>(
    raw: &BTreeMap<Text, Text>,
    judge: &mut Judge<'_>,
    read: impl Fn(&mut Judge<'_>, &Text) -> Option<T>,
) -> Option<BTreeMap<String, T>> {
    let mut words = Some(BTreeMap::new());
    for (word, meant) in raw {
        let meaning = read(judge, meant);
        let plain = plain_word(word.get_ref());
        if words.as_ref().is_some_and(|words| words.contains_key(&plain)) {
            words = judge.refuse(word, "is there twice; letter case does not matter");
        }
        words = words.zip(meaning).map(|(mut words, meaning)| {
            words.insert(plain, meaning);
            words
        });
    }
    words
}

fn time_format(text: &Text, judge: &mut Judge<'_>) -> Option<String> {
    let pattern = text.get_ref();
    let sample = Zoned::new(jiff::Timestamp::UNIX_EPOCH, TimeZone::UTC);
    let reads_back = jiff::fmt::strtime::format(pattern, &sample)
        .is_ok_and(|written| times::patterned(&written, pattern, &TimeZone::UTC).is_some());
    if pattern.contains('%') && reads_back {
        return Some(pattern.clone());
    }
    judge.refuse(
        text,
        "not a pattern with date and time such as \"%d/%m/%Y %H:%M:%S\" (as for strptime)",
    )
}

/// A recipe of fields that have a place, so that none of them is always empty.
fn duplicate_key(text: &Text, raw: &RawMapping, judge: &mut Judge<'_>) -> Option<DuplicateKey> {
    let placed = Field::ALL.iter().filter(|field| written(raw, **field).is_some());
    let placed = placed.map(|field| field.as_str());
    let key: DuplicateKey = match text.get_ref().parse() {
        Ok(key) => key,
        Err(NotAKey::Field(name)) => {
            let hint = did_you_mean(&name, placed);
            return judge.refuse(text, format!("there is no field `{name}`; {hint}"));
        }
        Err(error) => return judge.refuse(text, error),
    };
    if let Some(field) = key.fields().find(|field| written(raw, *field).is_none()) {
        let (field, hint) = (field.as_str(), did_you_mean(field.as_str(), placed));
        return judge.refuse(text, format!("`{field}` has no place in this mapping; {hint}"));
    }
    Some(key)
}

/// The constants among the places of a key.
fn constants(places: Option<&Places>) -> impl Iterator<Item = &str> {
    let places = places.map_or(Vec::new(), |places| match places.get_ref() {
        RawPlaces::One(text) => vec![text.as_str()],
        RawPlaces::Several(texts) => texts.iter().map(|text| text.get_ref().as_str()).collect(),
    });
    places.into_iter().filter_map(|place| place.strip_prefix("text:"))
}

/// What stands at a field's key.
fn written(raw: &RawMapping, field: Field) -> Option<&Places> {
    let places = match field {
        Field::Type => &raw.r#type,
        Field::Id => &raw.id,
        Field::Subject => &raw.subject,
        Field::Time => &raw.time,
        Field::Status => &raw.status,
        Field::StatusDetail => &raw.status_detail,
        Field::Channel => &raw.channel,
        Field::Direction => &raw.direction,
        Field::Conversation => &raw.conversation,
        Field::ClientRef => &raw.client_ref,
        Field::BatchRef => &raw.batch_ref,
        Field::ReplyTo => &raw.reply_to,
        Field::Account => &raw.account,
        Field::SubAccount => &raw.sub_account,
        Field::Instance => &raw.instance,
        Field::FromId => &raw.from_id,
        Field::FromPhone => &raw.from_phone,
        Field::FromName => &raw.from_name,
        Field::ToId => &raw.to_id,
        Field::ToPhone => &raw.to_phone,
        Field::ToName => &raw.to_name,
        Field::Text => &raw.text,
        Field::ContentType => &raw.content_type,
        Field::MediaUrl => &raw.media_url,
        Field::MediaMime => &raw.media_mime,
        Field::MediaFilename => &raw.media_filename,
        Field::ErrorCode => &raw.error_code,
        Field::ErrorReason => &raw.error_reason,
    };
    places.as_ref()
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
