//! The key `auth` of a source: what must hold of its callbacks.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use url::Url;

use super::headers::header_name;
use super::judge::Judge;
use super::mistakes::did_you_mean;
use super::raw::{RawScheme, Text};
use super::secrets::{secret, signing_secret};
use crate::domain::secret::Secret;
use crate::domain::source::{Algorithm, Encoding, HmacScheme, Scheme, SignedPart};

/// How far a signature's time may be from ours unless told otherwise, as Standard Webhooks advises.
const TOLERANCE: Duration = Duration::from_mins(5);

/// The bounds of `tolerance`.
const TOLERANCE_MIN: Duration = Duration::from_secs(1);
const TOLERANCE_MAX: Duration = Duration::from_hours(24);

/// Each scheme with the keys it has, besides `type`.
const KEYS: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("token", &["secrets", "header"]),
    ("header", &["name", "secrets"]),
    ("basic", &["secrets"]),
    ("bearer", &["secrets"]),
    (
        "hmac",
        &[
            "header",
            "algorithm",
            "encoding",
            "prefix",
            "parts",
            "timestamp_header",
            "tolerance",
            "secrets",
        ],
    ),
    ("standard_webhooks", &["secrets"]),
    ("jwt", &["secrets"]),
    ("allow_ips", &["networks"]),
];

pub(super) fn schemes(
    source: &Text,
    raw: Option<&Spanned<Vec<Spanned<RawScheme>>>>,
    public_url: Option<&Url>,
    judge: &mut Judge<'_>,
) -> Option<Vec<Scheme>> {
    const ADVICE: &str =
        "a source that takes anything from anybody has to say so: auth = [{ type = \"none\" }]";
    let Some(list) = raw else {
        judge.mistakes.lacks(source.span(), format!("lacks `auth`; {ADVICE}"));
        return None;
    };
    if list.get_ref().is_empty() {
        return judge.refuse(list, ADVICE);
    }
    let schemes = judge.each(list.get_ref(), |judge, raw| scheme(raw, judge))?;
    if schemes.len() > 1 && schemes.iter().any(|scheme| matches!(scheme, Scheme::None)) {
        return judge.refuse(
            list,
            "`none` beside another scheme: all of them must hold, so leave `none` out",
        );
    }
    covers_the_url(list, &schemes, public_url, judge)?;
    Some(schemes)
}

fn scheme(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<Scheme> {
    let inner = raw.get_ref();
    let Some(kind) = &inner.r#type else {
        judge.mistakes.lacks(raw.span(), "lacks `type`, such as { type = \"bearer\", … }");
        return None;
    };
    let Some((word, keys)) = KEYS.iter().find(|(word, _)| word == kind.get_ref()) else {
        let hint = did_you_mean(kind.get_ref(), KEYS.iter().map(|(word, _)| *word));
        return judge.refuse(kind, format!("there is no scheme `{kind}`; {hint}"));
    };
    for (key, span) in given(inner) {
        if !keys.contains(&key) {
            let message =
                format!("`{word}` has no key `{key}`; {}", did_you_mean(key, keys.iter().copied()));
            judge.mistakes.refuse(span, message);
        }
    }
    match *word {
        "none" => Some(Scheme::None),
        "token" => {
            let secrets = secrets(raw, judge);
            let header = match &inner.header {
                Some(text) => Some(header(text, judge)?),
                None => None,
            };
            Some(Scheme::Token { secrets: secrets?, header })
        }
        "header" => {
            let name = required_header(raw, inner.name.as_ref(), "name", judge);
            Some(Scheme::Header { secrets: secrets(raw, judge)?, name: name? })
        }
        "basic" => basic(raw, judge),
        "bearer" => Some(Scheme::Bearer { secrets: secrets(raw, judge)? }),
        "hmac" => hmac(raw, judge).map(Scheme::Hmac),
        "standard_webhooks" => standard_webhooks(raw, judge),
        // `jwt` and `allow_ips`.
        _ => judge.refuse(kind, format!("`{word}` is not supported yet; choose another scheme")),
    }
}

/// The keys that are there, with their places.
fn given(raw: &RawScheme) -> Vec<(&'static str, Range<usize>)> {
    let RawScheme {
        r#type: _,
        secrets,
        header,
        name,
        algorithm,
        encoding,
        prefix,
        parts,
        timestamp_header,
        tolerance,
        networks,
    } = raw;
    let texts = [
        ("header", header),
        ("name", name),
        ("algorithm", algorithm),
        ("encoding", encoding),
        ("prefix", prefix),
        ("timestamp_header", timestamp_header),
        ("tolerance", tolerance),
    ];
    let lists = [("secrets", secrets), ("parts", parts), ("networks", networks)];
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?.span())));
    let lists = lists.into_iter().filter_map(|(key, list)| Some((key, list.as_ref()?.span())));
    texts.chain(lists).collect()
}

fn hmac(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<HmacScheme> {
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
fn covers_the_url(
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

fn basic(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<Scheme> {
    let secrets = secrets(raw, judge)?;
    if let (Some(list), false) =
        (&raw.get_ref().secrets, secrets.iter().all(|secret| secret.expose().contains(':')))
    {
        return judge.refuse(list, "the secrets of `basic` are \"user:password\"");
    }
    Some(Scheme::Basic { secrets })
}

fn standard_webhooks(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<Scheme> {
    let secrets = secrets_by(raw, judge, signing_secret)?;
    Some(Scheme::StandardWebhooks { secrets })
}

fn secrets(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<Vec<Secret>> {
    secrets_by(raw, judge, secret)
}

fn secrets_by(
    raw: &Spanned<RawScheme>,
    judge: &mut Judge<'_>,
    read: fn(&mut Judge<'_>, &Text) -> Option<Secret>,
) -> Option<Vec<Secret>> {
    match &raw.get_ref().secrets {
        None => {
            judge.mistakes.lacks(raw.span(), "lacks `secrets`, such as secrets = [\"env:NAME\"]");
            None
        }
        Some(list) if list.get_ref().is_empty() => {
            judge.refuse(list, "no secret would ever be right; write at least one")
        }
        Some(list) => judge.each(list.get_ref(), |judge, text| read(judge, text)),
    }
}

fn required_header(
    raw: &Spanned<RawScheme>,
    text: Option<&Text>,
    key: &str,
    judge: &mut Judge<'_>,
) -> Option<String> {
    if text.is_none() {
        judge.mistakes.lacks(raw.span(), format!("lacks `{key}`, the header's name"));
    }
    header(text?, judge)
}

fn header(text: &Text, judge: &mut Judge<'_>) -> Option<String> {
    match header_name(text.get_ref()) {
        Some(name) => Some(name),
        None => judge.refuse(text, "not a header's name"),
    }
}
