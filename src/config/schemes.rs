//! The key `auth` of a source: what must hold of its callbacks.

use std::ops::Range;

use toml::Spanned;
use url::Url;

use super::headers::header_name;
use super::judge::Judge;
use super::mistakes::did_you_mean;
use super::raw::{RawScheme, Text};
use super::secrets::{secret, signing_secret};
use super::signatures;
use crate::domain::secret::Secret;
use crate::domain::source::Scheme;

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
    signatures::cover_the_url(list, &schemes, public_url, judge)?;
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
        "hmac" => signatures::hmac(raw, judge).map(Scheme::Hmac),
        "standard_webhooks" => standard_webhooks(raw, judge),
        "jwt" => Some(Scheme::Jwt { secrets: secrets(raw, judge)? }),
        _ => allow_ips(raw, judge),
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

fn basic(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<Scheme> {
    let secrets = secrets(raw, judge)?;
    if let (Some(list), false) =
        (&raw.get_ref().secrets, secrets.iter().all(|secret| secret.expose().contains(':')))
    {
        return judge.refuse(list, "the secrets of `basic` are \"user:password\"");
    }
    Some(Scheme::Basic { secrets })
}

fn allow_ips(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<Scheme> {
    let networks = match &raw.get_ref().networks {
        None => {
            let message = "lacks `networks`, such as networks = [\"203.0.113.0/24\"]";
            judge.mistakes.lacks(raw.span(), message);
            None
        }
        Some(list) if list.get_ref().is_empty() => {
            judge.refuse(list, "no address would ever be right; write at least one network")
        }
        Some(list) => judge.each(list.get_ref(), Judge::network),
    };
    Some(Scheme::AllowIps { networks: networks? })
}

fn standard_webhooks(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<Scheme> {
    let secrets = secrets_by(raw, judge, signing_secret)?;
    Some(Scheme::StandardWebhooks { secrets })
}

pub(super) fn secrets(raw: &Spanned<RawScheme>, judge: &mut Judge<'_>) -> Option<Vec<Secret>> {
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

pub(super) fn required_header(
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

pub(super) fn header(text: &Text, judge: &mut Judge<'_>) -> Option<String> {
    match header_name(text.get_ref()) {
        Some(name) => Some(name),
        None => judge.refuse(text, "not a header's name"),
    }
}
