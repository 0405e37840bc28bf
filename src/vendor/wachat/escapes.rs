//! Emoji that the vendor writes as a literal backslash, `U` and eight hexadecimal digits.

/// Digits behind `\U`.
const DIGITS: usize = 8;

/// The text with every `\U0001F600` read as the character it names; one that names none stays as it is.
pub(super) fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(r"\U") {
        decoded.push_str(before);
        if let Some((character, after)) = named(behind) {
            decoded.push(character);
            rest = after;
        } else {
            decoded.push_str(r"\U");
            rest = behind;
        }
    }
    decoded + rest
}

/// The character that the text begins by naming, and what comes after it.
fn named(text: &str) -> Option<(char, &str)> {
    let (digits, after) = text.split_at_checked(DIGITS)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    Some((character, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_escapes_that_name_a_character_are_decoded() {
        let table = [
            (r"\U0001F600", "\u{1f600}"),
            (r"a\U0001f600b\U00000041", "a\u{1f600}bA"),
            (r"\U0001F60", r"\U0001F60"),
            (r"\U0000D800", r"\U0000D800"),
            (r"\UFFFFFFFF", r"\UFFFFFFFF"),
            (r"\U+001F600", r"\U+001F600"),
            (r"\U\U00000041", r"\UA"),
            ("\\U000000é", "\\U000000é"),
            ("plain", "plain"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(decode(text), expected, "{text}");
        }
    }
}
