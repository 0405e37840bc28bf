//! Finding a person's numbers and ids in texts and bytes, however they are written there, and taking them out of texts.

use std::borrow::Cow;
use std::ops::Range;

use super::{ID_MIN, Marks};

/// What stands where something of a person was.
pub const ERASED: &str = "[erased]";

/// Bytes that may stand between two digits of a number: blanks, brackets, dashes, and the parts of a blank that does not break.
const BETWEEN: &[u8] = b" -.()/\xc2\xa0";

/// How many of them may follow one another.
const BETWEEN_MAX: usize = 3;

/// Digits of a moment in seconds and in milliseconds.
const GROUP_TIMES: [usize; 2] = [10, 13];

impl Marks {
    /// Whether anything of theirs is in these bytes: as it stands there, percent-encoded, escaped as in JSON, or in UTF-16.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        let plain = |bytes: &[u8]| self.first(bytes).is_some();
        plain(bytes)
            || (bytes.contains(&b'%') && plain(&unquoted(bytes)))
            || (bytes.contains(&b'\\') && plain(&unescaped(bytes)))
            || (bytes.contains(&0) && plain(&narrow(bytes)))
    }

    /// The same, of what is not to be taken for any encoding: a whole file.
    #[must_use]
    pub fn is_plainly_in(&self, bytes: &[u8]) -> bool {
        self.first(bytes).is_some()
    }

    /// Whether the text is a number of theirs: as a person or a URL writes it, or as an address with a server or a device behind it.
    pub(super) fn is_number(&self, text: &str) -> bool {
        let text = text.trim();
        let number = match text.split_once(':') {
            Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => rest,
            Some(_) | None => text,
        };
        let number = number.trim_start_matches(['+', '(', ' ']);
        let is_behind = |rest: &str| rest.trim().is_empty() || rest.starts_with(['@', ':']);
        let place = self.phones_in(number.as_bytes()).filter(|place| place.start == 0);
        place.and_then(|place| number.get(place.end..)).is_some_and(is_behind)
    }

    /// The text without anything of theirs, if there is something in it.
    #[must_use]
    pub fn without(&self, text: &str) -> Option<String> {
        if self.ids.contains(text) {
            return Some(ERASED.to_owned());
        }
        let mut left = String::new();
        let mut rest = text;
        while let Some(place) = self.first(rest.as_bytes()) {
            // Marks are found between characters, never within one.
            let (Some(before), Some(behind)) = (rest.get(..place.start), rest.get(place.end..))
            else {
                return Some(ERASED.to_owned());
            };
            left.push_str(before);
            left.push_str(ERASED);
            rest = behind;
        }
        (!left.is_empty()).then(|| left + rest)
    }

    /// Where the first mark stands.
    fn first(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let ids = self.ids.iter().filter(|id| id.len() >= ID_MIN);
        let ids = ids.filter_map(|id| of_id(id.as_bytes(), bytes));
        ids.chain(self.phones_in(bytes)).min_by_key(|place| place.start)
    }

    fn phones_in(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let mut before = b' ';
        for (start, byte) in bytes.iter().enumerate() {
            let begins = byte.is_ascii_digit() && !before.is_ascii_digit();
            before = *byte;
            if !begins {
                continue;
            }
            let behind = bytes.get(start..).unwrap_or_default();
            // The prefix for calls abroad stands where others write a plus.
            let zeros = if behind.starts_with(b"00") { 2 } else { 0 };
            let behind = behind.get(zeros..).unwrap_or_default();
            let ends = self.phones.iter().filter_map(|phone| number(phone.as_bytes(), behind));
            if let Some(length) = ends.max() {
                return Some(start..start + zeros + length);
            }
        }
        None
    }
}

/// How many bytes the number takes, if they begin with it.
fn number(phone: &[u8], bytes: &[u8]) -> Option<usize> {
    let mut place = 0;
    for (count, digit) in phone.iter().enumerate() {
        if count > 0 {
            let rest = bytes.get(place..)?.iter();
            place += rest.take(BETWEEN_MAX).take_while(|byte| BETWEEN.contains(byte)).count();
        }
        if bytes.get(place)? != digit {
            return None;
        }
        place += 1;
    }
    let behind = bytes.get(place..).unwrap_or_default();
    let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // A group's id can be the number of whoever founded it and, without anything between, when that was.
    let is_whole = digits == 0 || (GROUP_TIMES.contains(&digits) && behind.starts_with(b"1"));
    is_whole.then_some(place)
}

/// Where an id stands that is not a part of a longer word.
fn of_id(id: &[u8], bytes: &[u8]) -> Option<Range<usize>> {
    let mut finder = memchr::memmem::find_iter(bytes, id);
    let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let start = finder.find(|start| {
        let before = start.checked_sub(1).and_then(|before| bytes.get(before));
        !is_word(before) && !is_word(bytes.get(start + id.len()))
    })?;
    Some(start..start + id.len())
}

/// As forms and URLs are read.
fn unquoted(bytes: &[u8]) -> Cow<'_, [u8]> {
    let spaced: Vec<u8> =
        bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(percent_encoding::percent_decode(&spaced).collect())
}

/// As JSON is read, without looking whether it is any.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let hex = rest.strip_prefix(b"u").and_then(|hex| hex.split_at_checked(4));
        let code = hex.and_then(|(digits, behind)| {
            let digits = std::str::from_utf8(digits).ok()?;
            Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, behind))
        });
        match (code, rest.split_first()) {
            (Some((letter, behind)), _) => {
                plain.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind;
            }
            (None, Some((escaped, behind))) => {
                plain.push(*escaped);
                rest = behind;
            }
            (None, None) => {}
        }
    }
    plain
}

/// As UTF-16 is read, as far as it is ASCII.
fn narrow(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| *byte != 0).collect()
}
