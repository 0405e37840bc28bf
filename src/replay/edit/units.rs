//! An escaped text as its characters, each with how it was written, so that a changed one is written in the same manner.

use std::fmt::Write;

use super::lossless::{byte_of, stray};

/// How a text is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Inside the quotes of a JSON text.
    Json,
    /// A form's value: `+` and percent signs.
    Form,
    /// Between tags.
    Xml,
    /// As it is.
    Plain,
}

/// The characters of an escaped text, and how each was written.
pub(super) struct Units<'a> {
    units: Vec<(char, &'a str)>,
    style: Style,
}

impl<'a> Units<'a> {
    /// Takes the text apart. What is no valid escape stands for itself.
    pub(super) fn read(raw: &'a str, style: Style) -> Self {
        let mut units = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(first) = rest.chars().next() {
            let escape = match (style, first) {
                (Style::Json, '\\') => json_escape(rest),
                (Style::Form, '+') => Some((' ', 1)),
                (Style::Form, '%') => {
                    rest = percent(rest, &mut units);
                    continue;
                }
                (Style::Xml, '&') => entity(rest),
                _ => None,
            };
            let (letter, length) = escape.unwrap_or((first, first.len_utf8()));
            let (written, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
            units.push((letter, written));
            rest = behind;
        }
        Self { units, style }
    }

    /// What the text says.
    pub(super) fn text(&self) -> String {
        self.units.iter().map(|(letter, _)| *letter).collect()
    }

    /// `text`, escaped. If it is as long as the old one, each letter as the one in its place was.
    pub(super) fn write(&self, text: &str) -> String {
        let same_length = text.chars().count() == self.units.len();
        let mut written = String::with_capacity(text.len());
        let mut old = self.units.iter();
        for letter in text.chars() {
            let before = if same_length { old.next() } else { None };
            match before {
                Some((same, raw)) if *same == letter => written.push_str(raw),
                Some((_, raw)) => self.escape(letter, raw, &mut written),
                None => self.escape(letter, "", &mut written),
            }
        }
        written
    }

    /// Writes one letter, as `like` was written.
    fn escape(&self, letter: char, like: &str, written: &mut String) {
        match self.style {
            Style::Json => json(letter, like.starts_with("\\u"), written),
            Style::Form => form(letter, like, written),
            Style::Xml => match letter {
                '&' => written.push_str("&amp;"),
                '<' => written.push_str("&lt;"),
                '>' => written.push_str("&gt;"),
                '"' => written.push_str("&quot;"),
                _ => written.push(letter),
            },
            Style::Plain => written.push(letter),
        }
    }
}

/// The character that a JSON escape at the beginning of `rest` says, and the escape's length.
fn json_escape(rest: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = rest.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let simple = match rest.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => {
            let first = unit(0)?;
            if let Some(letter) = char::from_u32(u32::from(first)) {
                return Some((letter, 6));
            }
            let second = unit(6)?;
            let letter = char::decode_utf16([first, second]).next()?.ok()?;
            return Some((letter, 12));
        }
        byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
        _ => return None,
    };
    Some((simple, 2))
}

fn json(letter: char, by_number: bool, written: &mut String) {
    match letter {
        '"' => written.push_str("\\\""),
        '\\' => written.push_str("\\\\"),
        '\n' => written.push_str("\\n"),
        '\r' => written.push_str("\\r"),
        '\t' => written.push_str("\\t"),
        letter if letter < ' ' || (by_number && byte_of(letter).is_none()) => {
            let mut buffer = [0; 2];
            for unit in letter.encode_utf16(&mut buffer) {
                let _ = write!(written, "\\u{unit:04x}");
            }
        }
        letter => written.push(letter),
    }
}

/// Takes the character that percent signs at the beginning of `rest` say; gives back what is behind it.
fn percent<'a>(rest: &'a str, units: &mut Vec<(char, &'a str)>) -> &'a str {
    let byte = |index: usize| {
        let digits = rest.get(index * 3..index * 3 + 3)?.strip_prefix('%')?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(digits, 16).ok())?
    };
    let Some(first) = byte(0) else {
        // Not an escape: it stands for itself.
        let (sign, behind) = rest.split_at_checked(1).unwrap_or((rest, ""));
        units.push(('%', sign));
        return behind;
    };
    let length = match first {
        0x00..0x80 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..=0xFF => 4,
        0x80..0xC0 => 0,
    };
    let bytes: Vec<u8> = (0..length).map_while(byte).collect();
    let letter = std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next());
    let (letter, used) = letter.map_or_else(|| (stray(first), 1), |letter| (letter, length));
    let (written, behind) = rest.split_at_checked(used * 3).unwrap_or((rest, ""));
    units.push((letter, written));
    behind
}

fn form(letter: char, like: &str, written: &mut String) {
    let plain = letter.is_ascii_alphanumeric() || "-._~*".contains(letter);
    let like_this = |known: &str| known.chars().next().is_some_and(|first| !"%+".contains(first));
    if let Some(byte) = byte_of(letter) {
        let _ = write!(written, "%{byte:02X}");
    } else if letter == ' ' {
        written.push(if like.starts_with('%') { '%' } else { '+' });
        if like.starts_with('%') {
            written.push_str("20");
        }
    } else if plain || (like_this(like) && !letter.is_ascii() && !like.is_ascii()) {
        written.push(letter);
    } else {
        let mut buffer = [0; 4];
        for byte in letter.encode_utf8(&mut buffer).bytes() {
            let _ = write!(written, "%{byte:02X}");
        }
    }
}

/// The character that an XML entity at the beginning of `rest` says, and the entity's length.
fn entity(rest: &str) -> Option<(char, usize)> {
    let (name, _) = rest.get(1..)?.split_once(';')?;
    let letter = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((letter, name.len() + 2))
}
