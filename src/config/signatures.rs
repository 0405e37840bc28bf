//! The scheme `hmac` of a source: which header holds the signature, and what it covers.

use std::time::Duration;

use toml::Spanned;
use url::Url;

use super::headers::header_name;
use super::judge::Judge;
use super::mistakes::did_you_mean;
use super::raw::{RawScheme, Text};
use super::schemes::{header, required_header, secrets};
use crate::domain::source::{Algorithm, Encoding, HmacScheme, Scheme, SignedPart};

/// How far a signature's time may be from ours unless told otherwise, as Standard Webhooks advises.
const TOLERANCE: Duration = Duration::from_mins(5);

/// The bounds of `tolerance`.
const TOLERANCE_MIN: Duration = Duration::from_secs(1);
const TOLERANCE_MAX: Duration = Duration::from_hours(24);

pub(super) fn hmac(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<HmacScheme> {
    const ALGORITHMS: [(&str, Algorithm); 3] =
        [("sha256", Algorithm::Sha256), ("sha1", Algorithm::Sha1), ("sha512", Algorithm::Sha512)];
    const ENCODINGS: [(&str, Encoding); 2] = [("hex", Encoding::Hex), ("base64", Encoding::Base64)];
    let inner = raw.get_ref();
    let header = required_header(raw, inner.header.as_ref(), "header", judge);
    let algorithm = inner
        .algorithm
        .as_ref()
        .map_or(Some(Algorithm::Sha256), |word| judge.word(word, &ALGORITHMS));
    let encoding =
        inner.encoding.as_ref().map_or(Some(Encoding::Hex), |word| judge.word(word, &ENCODINGS));
    let tolerance = inner
        .tolerance
        .as_ref()
        .map_or(Some(TOLERANCE), |text| judge.duration(text, TOLERANCE_MIN, TOLERANCE_MAX));
    let parts = match &inner.parts {
        None => Some(vec![SignedPart::Body]),
        Some(list) if list.get_ref().is_empty() => {
            judge.refuse(list, "a signature over nothing proves nothing")
        }
        Some(list) => judge.each(list.get_ref(), |judge, text| part(text, judge)),
    };
    let secrets = secrets(raw, judge);
    let timestamp_header = match &inner.timestamp_header {
        Some(text) => Some(self::header(text, judge)?),
        None => None,
    };
    let parts = parts?;
    time_is_signed(raw, &parts, timestamp_header.as_deref(), judge)?;
    Some(HmacScheme {
        header: header?,
        algorithm: algorithm?,
        encoding: encoding?,
        prefix: inner.prefix.as_ref().map(|text| text.get_ref().clone()).unwrap_or_default(),
        parts,
        timestamp_header,
        tolerance: tolerance?,
        secrets: secrets?,
    })
}

/// A time that is signed has to be found, and a time that is judged has to be signed.
fn time_is_signed(
    raw: &Spanned<RawScheme>,
    parts: &[SignedPart],
    timestamp_header: Option<&str>,
    judge: &mut Judge<'_>,
) -> Option<()> {
    let signs_time = parts.contains(&SignedPart::Timestamp);
    match (timestamp_header, &raw.get_ref().timestamp_header) {
        (None, _) if signs_time => judge
            .refuse(raw, "the part `timestamp` needs `timestamp_header`: the header with the time"),
        (Some(header), Some(written))
            if !signs_time && !parts.contains(&SignedPart::Header(header.to_owned())) =>
        {
            judge.refuse(
                written,
                "the time is not signed, so anybody could change it: add \"timestamp\" to `parts`",
            )
        }
        (None | Some(_), _) => Some(()),
    }
}

fn part(text: &Text, judge: &mut Judge<'_>) -> Option<SignedPart> {
    const WORDS: [(&str, SignedPart); 6] = [
        ("body", SignedPart::Body),
        ("timestamp", SignedPart::Timestamp),
        ("method", SignedPart::Method),
        ("path", SignedPart::Path),
        ("query", SignedPart::Query),
        ("url", SignedPart::Url),
    ];
    let written = text.get_ref();
    if let Some(literal) = written.strip_prefix("text:") {
        return Some(SignedPart::Text(literal.to_owned()));
    }
    if let Some(name) = written.strip_prefix("header:") {
        return match header_name(name) {
            Some(name) => Some(SignedPart::Header(name)),
            None => judge.refuse(text, "`header:` needs the name of a header behind it"),
        };
    }
    let found = WORDS.iter().find(|(word, _)| word == written).map(|(_, part)| part.clone());
    found.or_else(|| {
        let words = WORDS.iter().map(|(word, _)| *word).chain(["header:NAME", "text:…"]);
        judge
            .refuse(text, format!("there is no part `{written}`; {}", did_you_mean(written, words)))
    })
}

/// Signatures over the URL need to know the URL; and where a token was cut out of it, nobody knows any more what was signed.
pub(super) fn cover_the_url(
    list: &Spanned<Vec<Spanned<RawScheme>>>,
    schemes: &[Scheme],
    public_url: Option<&Url>,
    judge: &mut Judge<'_>,
) -> Option<()> {
    let over_url = schemes.iter().any(|scheme| {
        matches!(scheme, Scheme::Hmac(hmac)
            if hmac.parts.iter().any(|part| matches!(part, SignedPart::Path | SignedPart::Query | SignedPart::Url)))
    });
    if !over_url {
        return Some(());
    }
    if schemes.iter().any(|scheme| matches!(scheme, Scheme::Token { .. })) {
        return judge.refuse(list, "a signature over `path`, `query` or `url` can't be judged beside `token`: the token is cut out of the URL");
    }
    if public_url.is_none() {
        return judge.refuse(list, "a signature over `path`, `query` or `url` needs [server] public_url: what the vendor calls");
    }
    Some(())
}
