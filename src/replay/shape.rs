//! Another text of the same shape: digits for digits, letters for letters, by chance that is the same for the same text.

use sha2::{Digest, Sha256};

/// Another text of the same shape as `text`. The same seed gives the same one, and another letter case the same in that case.
#[must_use]
pub fn another(seed: &[u8], text: &str) -> String {
    let mut chance = Chance::new(seed, &text.to_lowercase());
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let (mut first, mut leading) = (true, true);
    let shaped = text.char_indices().map(|(at, letter)| {
        let drawn = chance.byte();
        let new = match letter {
            // The version and the variant of a UUID stay.
            _ if is_hex && is_uuid(text) && matches!(at, 14 | 19) => letter,
            '0'..='9' => {
                // A number does not begin with a zero unless it did.
                let from_one = first && letter != '0';
                leading &= letter == '0';
                if leading { '0' } else { digit(drawn, from_one) }
            }
            'a'..='f' | 'A'..='F' if is_hex => cased(pick(b"abcdef", drawn), letter),
            'a'..='z' | 'A'..='Z' => cased(pick(b"abcdefghijklmnopqrstuvwxyz", drawn), letter),
            _ => letter,
        };
        first = false;
        new
    });
    shaped.collect()
}

fn digit(drawn: u8, from_one: bool) -> char {
    pick(if from_one { b"123456789" } else { b"0123456789" }, drawn)
}

fn pick(from: &[u8], drawn: u8) -> char {
    let index = usize::from(drawn) % from.len().max(1);
    char::from(from.get(index).copied().unwrap_or(b'0'))
}

fn cased(new: char, old: char) -> char {
    if old.is_ascii_uppercase() { new.to_ascii_uppercase() } else { new }
}

fn is_uuid(text: &str) -> bool {
    let dashes = text.bytes().enumerate().filter(|(_, byte)| *byte == b'-').map(|(at, _)| at);
    text.len() == 36 && dashes.eq([8, 13, 18, 23])
}

/// Bytes by chance, the same for the same seed and text.
#[derive(Debug)]
pub struct Chance {
    key: Sha256,
    block: Vec<u8>,
    count: u32,
}

impl Chance {
    /// The chance of this text.
    #[must_use]
    pub fn new(seed: &[u8], text: &str) -> Self {
        let key = Sha256::new().chain_update(seed).chain_update([0]).chain_update(text);
        Self { key, block: Vec::new(), count: 0 }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        if let Some(byte) = self.block.pop() {
            return byte;
        }
        let block = self.key.clone().chain_update(self.count.to_be_bytes()).finalize();
        self.count = self.count.wrapping_add(1);
        self.block = block.to_vec();
        self.block.pop().unwrap_or_default()
    }

    /// A number below `below`; 0 if that is 0.
    pub fn below(&mut self, below: usize) -> usize {
        let drawn = usize::from(self.byte()) << 16
            | usize::from(self.byte()) << 8
            | usize::from(self.byte());
        drawn.checked_rem(below).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_stays_and_nothing_else() {
        for text in [
            "4f290edb-ecd8-4d2e-b9e1-b91570d19f43",
            "190441702",
            "3A0F1E2D3C4B5A697887",
            "km-276596",
        ] {
            let new = another(b"seed", text);
            assert_ne!(new, text);
            assert_eq!(new, another(b"seed", text));
            assert_ne!(new, another(b"another", text));
            assert_eq!(new.to_lowercase(), another(b"seed", &text.to_lowercase()));
            for (one, other) in text.chars().zip(new.chars()) {
                assert_eq!(one.is_ascii_digit(), other.is_ascii_digit(), "{text} {new}");
            }
        }
        assert!(another(b"", "4f290edb-ecd8-4d2e-b9e1-b91570d19f43").contains("-4"));
    }
}
