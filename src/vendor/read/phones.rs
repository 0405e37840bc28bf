//! Phone numbers: E.164 with `+` when the number is possible, else nothing, so that the value stays where it was.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

/// The most characters that are looked at.
const LENGTH_MAX: usize = 32;

/// The number as E.164, if `text` is a possible international number: digits with or without `+`, blanks, dashes, dots, brackets.
///
/// To be asked only where the vendor documents the value as a phone number. Possible is enough: ranges that are reserved
/// for examples are possible, but not valid.
#[must_use]
pub fn e164(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > LENGTH_MAX
        || !text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b' ' | b'-' | b'.' | b'(' | b')'))
    {
        return None;
    }
    let mut international = String::with_capacity(1 + text.len());
    international.push('+');
    international.extend(text.chars().filter(char::is_ascii_digit));
    let number = PHONE_NUMBER_UTIL.parse(international, None).ok()?;
    if !PHONE_NUMBER_UTIL.is_possible_number(&number) {
        return None;
    }
    Some(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_possible_international_numbers_become_e164() {
        let table = [
            ("12025550143", Some("+12025550143")),
            ("+1 (202) 555-0143", Some("+12025550143")),
            ("447700900555", Some("+447700900555")),
            ("+6281234567890", Some("+6281234567890")),
            ("22384", None),
            ("KettleShop", None),
            ("US.64070605632735634317", None),
            ("64070605632735634317", None),
            ("", None),
            ("+", None),
        ];
        for (text, expected) in table {
            assert_eq!(e164(text).as_deref(), expected, "{text}");
        }
    }
}
