//! What kind of value a text is, by its look and by the name it stands under, and so what becomes of it.

use std::sync::LazyLock;

use regex::Regex;

use super::names::{COUNTS, DOMAINS, PEOPLE, PERSONAL, PROTOCOL};
use crate::replay::edit::{Kind, Leaf};

/// What a value is, as far as scrubbing cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It says nothing of anybody: a time, a word of the protocol, a small number.
    Keep,
    /// One word that may be of the protocol or somebody's name.
    Doubtful,
    /// A phone number, alone.
    Phone,
    /// An address of WhatsApp's: digits, an at sign, a domain that says what they are.
    Jid,
    /// An address of mail.
    Mail,
    /// An address of the web.
    Url,
    /// An id, a key, a blob: letters and digits without a blank.
    Id,
    /// Anything else: words, and whatever stands between them.
    Text,
}

static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let date = r"(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{8})";
    let clock = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?";
    let zone = r"( ?(Z|UTC|[ +-]\d{2}:?\d{2}))?";
    Regex::new(&format!(r"^({date}[T ]{clock}{zone}|{clock})$")).ok()
});

/// A day alone: of somebody's birth, perhaps.
static DAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let (month, day) = (r"(0?[1-9]|1[0-2])", r"(0?[1-9]|[12]\d|3[01])");
    let short = r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])";
    Regex::new(&format!(
        r"^((19|20)\d{{2}}[-/]{month}[-/]{day}|{day}[-/.]{day}[-/.](19|20)\d{{2}}|{short})$"
    ))
    .ok()
});

static MAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[^@\s<>]+@[^@\s<>]+\.[^@\s<>.]+$").ok());

/// What the value is.
pub(super) fn of(leaf: &Leaf<'_>) -> Class {
    let text = leaf.text.trim();
    if !text.contains(char::is_alphanumeric) {
        return Class::Keep;
    }
    let name = plain(leaf.name());
    if let Some(class) = address(text) {
        return class;
    }
    match leaf.kind {
        Kind::Name if is_phone(text) => return Class::Phone,
        Kind::Name => {
            let plain = text.is_ascii() && !text.contains(' ') && !is_key_id(text);
            return if plain { Class::Keep } else { Class::Doubtful };
        }
        Kind::Raw => return Class::Text,
        Kind::Text | Kind::Number => {}
    }
    if fits(&TIME, text) || matches!(text, "true" | "false" | "null") {
        return Class::Keep;
    }
    if is_day(text) && (tells_time(&name) || text.contains(['-', '/', '.'])) {
        let is_birth = ["birth", "dob", "born"].iter().any(|part| name.contains(part));
        return if tells_time(&name) && !is_birth { Class::Keep } else { Class::Doubtful };
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || b"-.eE+".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_digit())
    {
        return number(text, &name, leaf.kind);
    }
    let personal = PERSONAL.contains(&name.as_str());
    if !personal && PROTOCOL.contains(&name.as_str()) && is_protocol_word(text) {
        return Class::Keep;
    }
    if is_phone(text) {
        return Class::Phone;
    }
    if !personal && PROTOCOL.contains(&name.as_str()) && text.len() <= 40 {
        return Class::Doubtful;
    }
    if text.contains(char::is_whitespace) {
        return Class::Text;
    }
    let word = |letter: char| letter.is_ascii_alphabetic() || "_-.:/".contains(letter);
    let short = text.len() <= 40;
    if !personal
        && short
        && (text.chars().all(word) || (text.len() <= 16 && is_protocol_word(text)))
    {
        return Class::Doubtful;
    }
    if text.is_ascii() && text.bytes().any(|byte| byte.is_ascii_digit()) || text.len() > 64 {
        return Class::Id;
    }
    Class::Text
}

/// The name without signs, in small letters, and without the `x-` of a header.
pub(super) fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("x-").unwrap_or(&name);
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Whether people are called what stands under this name.
pub(super) fn names_people(name: &str) -> bool {
    PEOPLE.contains(&plain(name).as_str())
}

/// Whether the text is a day and nothing else.
pub(super) fn is_day(text: &str) -> bool {
    fits(&DAY, text)
}

/// Whether the value is a word that the protocol itself may have said.
pub(super) fn is_said_by_protocol(leaf: &Leaf<'_>) -> bool {
    leaf.kind == Kind::Text && PROTOCOL.contains(&plain(leaf.name()).as_str())
}

/// Digits with or without a plus sign, blanks, dashes, dots and brackets: 7 to 15 of them (E.164 has at most 15).
pub(super) fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+ -.()".contains(&byte))
        && text.starts_with(|first: char| first.is_ascii_digit() || "+(".contains(first))
}

fn address(text: &str) -> Option<Class> {
    if let Some((user, domain)) = text.rsplit_once('@')
        && DOMAINS.contains(&domain)
    {
        let named = user.bytes().any(|byte| byte.is_ascii_digit());
        return Some(if named { Class::Jid } else { Class::Keep });
    }
    if text.contains("://") && !text.contains(char::is_whitespace) {
        return Some(Class::Url);
    }
    fits(&MAIL, text).then_some(Class::Mail)
}

/// A number, in JSON or in a text.
fn number(text: &str, name: &str, kind: Kind) -> Class {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if ["latitude", "longitude", "lat", "lng", "lon", "degreeslatitude", "degreeslongitude"]
        .contains(&name)
    {
        return Class::Id;
    }
    // The halves of a 64-bit number, most often of a time.
    if matches!(name, "low" | "high") {
        return Class::Keep;
    }
    let is_decimal = text.contains(['.', 'e', 'E']);
    if kind == Kind::Number && is_decimal {
        return Class::Keep;
    }
    if is_moment(text) && tells_time(name) {
        return Class::Keep;
    }
    // An error's, or one that somebody was sent to prove who they are.
    if name == "code" && digits <= 9 {
        return Class::Doubtful;
    }
    if COUNTS.iter().any(|count| name.ends_with(count)) && digits <= 9 {
        return Class::Keep;
    }
    if kind == Kind::Number && digits < 5 || digits < 3 {
        return Class::Keep;
    }
    if is_phone(text) { Class::Phone } else { Class::Id }
}

/// Whether digits can be a moment of our time, in seconds, milli-, micro- or nanoseconds since 1970.
fn is_moment(text: &str) -> bool {
    let whole = text.split('.').next().unwrap_or_default();
    matches!(whole.len(), 10 | 13 | 16 | 19) && whole.starts_with(['1', '2'])
}

fn tells_time(name: &str) -> bool {
    let ends = ["at", "ts", "date", "on", "when", "iat", "exp", "low", "seen", "datetime"];
    name.contains("time") || ends.iter().any(|end| name.ends_with(end))
}

/// A word as protocols have them: no blank unless all in capitals, few digits.
fn is_protocol_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:+;= ".contains(&byte);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let spaced = text.contains(' ') && !text.contains('/') && !text.contains(';');
    let shouted = !text.bytes().any(|byte| byte.is_ascii_lowercase());
    text.len() <= 64 && text.bytes().all(fits) && digits <= 6 && (!spaced || shouted)
}

/// The name of a member that is an id itself, and not a word.
fn is_key_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() >= 12 && digits >= 5 && !text.contains(char::is_whitespace)
}

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart_by_look_and_name() {
        let table = [
            ("to", "+12025550188", Kind::Text, Class::Phone),
            ("originator", "6281234567890", Kind::Text, Class::Phone),
            ("number", "12025550188", Kind::Number, Class::Phone),
            ("remoteJid", "12025550118@s.whatsapp.net", Kind::Text, Class::Jid),
            ("remoteJid", "status@broadcast", Kind::Text, Class::Keep),
            ("12025550118@s.whatsapp.net", "12025550118@s.whatsapp.net", Kind::Name, Class::Jid),
            ("0", "0", Kind::Name, Class::Keep),
            ("payload", "payload", Kind::Name, Class::Keep),
            ("contact", "ines@example.com", Kind::Text, Class::Mail),
            ("url", "https://media.example.com/x.jpg?a=b", Kind::Text, Class::Url),
            ("umid", "4f290edb-ecd8-4d2e-b9e1-b91570d19f43", Kind::Text, Class::Id),
            ("messageTimestamp", "1786530140", Kind::Number, Class::Keep),
            ("timestamp", "2026-08-12T09:15:57.00Z", Kind::Text, Class::Keep),
            ("receive_date", "2026-08-12 10:15:30", Kind::Text, Class::Keep),
            ("receive_date", "20260812", Kind::Text, Class::Keep),
            ("birthday", "1990-05-17", Kind::Text, Class::Doubtful),
            ("value", "17.05.1990", Kind::Text, Class::Doubtful),
            ("id", "19044170", Kind::Text, Class::Phone),
            ("id", "20260812", Kind::Text, Class::Phone),
            ("verificationCode", "993120", Kind::Text, Class::Id),
            ("postCode", "048619", Kind::Text, Class::Id),
            ("code", "993120", Kind::Text, Class::Doubtful),
            ("code", "SUMMER-INES", Kind::Text, Class::Doubtful),
            ("Ines Vartan", "Ines Vartan", Kind::Name, Class::Doubtful),
            ("eventType", "outbound_message_status_changed", Kind::Text, Class::Keep),
            ("status", "DELIVERED TO DEVICE", Kind::Text, Class::Keep),
            ("errorCode", "131047", Kind::Text, Class::Keep),
            ("X-Event", "dlr", Kind::Text, Class::Keep),
            ("source", "ios", Kind::Text, Class::Doubtful),
            ("city", "Bergen", Kind::Text, Class::Doubtful),
            ("pushName", "Ines", Kind::Text, Class::Text),
            ("text", "Is the blue kettle back?", Kind::Text, Class::Text),
            ("fromMe", "true", Kind::Text, Class::Keep),
            ("latitude", "59.9139", Kind::Number, Class::Id),
            ("fileLength", "182734", Kind::Number, Class::Keep),
            ("messageId", "70031", Kind::Number, Class::Id),
        ];
        for (name, text, kind, class) in table {
            let path = [name.to_owned()];
            assert_eq!(of(&Leaf { path: &path, text, kind }), class, "{name}: {text}");
        }
    }
}
