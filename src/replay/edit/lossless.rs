//! Any bytes as text and back: what is not UTF-8 stands as characters that no text has.

use bytes::Bytes;

/// Where the 128 bytes that can't stand alone are put: the last private plane, which nobody writes in.
const BASE: u32 = 0x0010_FE00;

/// The bytes as text.
pub(super) fn text(bytes: &Bytes) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| stray(*byte)));
    }
    text
}

/// The text as the bytes it was made of.
pub(super) fn bytes(text: &str) -> Bytes {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for letter in text.chars() {
        match byte_of(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    bytes.into()
}

/// The character that stands for a byte which is no UTF-8.
pub(super) fn stray(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a character stands for, if it does.
pub(super) fn byte_of(letter: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(letter).checked_sub(BASE)?).ok()?;
    (byte >= 0x80).then_some(byte)
}
