//! Fictional words: as long as the original ones, in the same letter case and script, the same one for the same word.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::numbers::Numbers;
use super::{Known, class};
use crate::replay::shape::Chance;

/// What is changed in a text: addresses, numbers, words with digits in them, words.
static PIECES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        (?P<url> [A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+ )
      | (?P<jid> \d[\d:-]*@(?:s\.whatsapp\.net|c\.us|g\.us|lid) )
      | (?P<mail> [^\s@"'<>]+@[^\s@"'<>]+\.[\p{L}]{2,} )
      | (?P<phone> \+?\(?\d[\d\ ().-]{5,}\d )
      | (?P<id> [\p{L}]*\d[\p{L}\d]* )
      | (?P<word> \p{L}[\p{L}\p{M}]* )
        "#,
    )
    .ok()
});

/// Hosts that are nobody's (RFC 2606, RFC 6761), which stay.
const NOBODYS: [&str; 7] =
    ["example.com", "example.net", "example.org", ".example", ".test", ".invalid", "localhost"];

/// What stands between the pieces of a web address.
const SIGNS: [char; 10] = ['/', '?', '#', '&', '=', '.', ',', ';', '-', '_'];

/// The shortest word that is looked for among the originals: shorter ones are in everything.
const WORD_MIN: usize = 3;

/// The longest word that is looked for, in bytes.
const WORD_MAX: usize = 64;

/// The longest text in which somebody's name is looked for, in bytes: what may be of the protocol is no longer.
const PERSON_MAX: usize = 256;

/// How often another word is drawn, until one fits.
const TRIES: u32 = 200;

/// Words, and what became of them.
#[derive(Debug)]
pub(super) struct Texts {
    seed: [u8; 16],
    /// Words that occur among the originals, in small letters.
    occurring: BTreeSet<String>,
    /// Words that people are called, in small letters.
    people: BTreeSet<String>,
    known: Known,
}

impl Texts {
    pub(super) fn new(seed: [u8; 16]) -> Self {
        let (occurring, people) = (BTreeSet::new(), BTreeSet::new());
        Self { seed, occurring, people, known: Known::new() }
    }

    /// Notes every word of a text.
    pub(super) fn note(&mut self, text: &str) {
        self.occurring.extend(words_of(text));
    }

    /// Notes what somebody is called.
    pub(super) fn note_person(&mut self, text: &str) {
        self.people.extend(words_of(text));
    }

    /// Whether somebody is called so, or by a word in it.
    pub(super) fn names_a_person(&self, text: &str) -> bool {
        text.len() <= PERSON_MAX && words_of(text).any(|word| self.people.contains(&word))
    }

    /// Another text: each word, number and address in it becomes another.
    pub(super) fn text(&mut self, text: &str, numbers: &mut Numbers) -> String {
        let Some(pieces) = PIECES.as_ref() else { return self.words(text) };
        let changed = pieces.replace_all(text, |found: &Captures<'_>| {
            let piece = found.get(0).map_or("", |piece| piece.as_str());
            let is = |name: &str| found.name(name).is_some();
            if is("url") {
                self.url(piece, numbers)
            } else if is("jid") {
                numbers.jid(piece)
            } else if is("mail") {
                self.mail(piece)
            } else if is("phone") && class::is_phone(piece) {
                numbers.phone(piece)
            } else if is("id") || is("phone") {
                numbers.id(piece)
            } else {
                self.word(piece)
            }
        });
        changed.into_owned()
    }

    /// Another mail address.
    pub(super) fn mail(&mut self, text: &str) -> String {
        let (user, domain) = text.rsplit_once('@').unwrap_or((text, ""));
        format!("{}@{}", self.words(user), self.host(domain))
    }

    /// Another web address: scheme and the ending of its file stay; so does a host that is nobody's.
    pub(super) fn url(&mut self, text: &str, numbers: &mut Numbers) -> String {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(u, h)| (u, h));
        let user = if user.is_empty() { String::new() } else { format!("{}@", self.words(user)) };
        let (host, port) = host.rsplit_once(':').map_or((host, ""), |(host, port)| (host, port));
        let port = if port.is_empty() { String::new() } else { format!(":{port}") };
        let host = self.host(host);
        let ending = tail.split(['?', '#']).next().and_then(|path| path.rsplit_once('.'));
        let ending = ending.map(|(_, ending)| ending.to_owned()).filter(|ending| {
            (1..=5).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        let pieces = tail.split_inclusive(SIGNS);
        let mut changed = String::with_capacity(tail.len());
        for piece in pieces {
            let bare = piece.trim_end_matches(SIGNS);
            let sign = piece.get(bare.len()..).unwrap_or_default();
            if ending.as_deref() == Some(bare) {
                changed.push_str(bare);
            } else {
                changed.push_str(&self.segment(bare, numbers));
            }
            changed.push_str(sign);
        }
        format!("{scheme}://{user}{host}{port}{changed}")
    }

    /// A piece of a web address; percent signs stay, with what they say.
    fn segment(&mut self, piece: &str, numbers: &mut Numbers) -> String {
        if piece.contains('%') {
            let Some((before, behind)) = piece.split_once('%') else { return piece.to_owned() };
            let (code, behind) = behind.split_at_checked(2).unwrap_or((behind, ""));
            return format!(
                "{}%{code}{}",
                self.segment(before, numbers),
                self.segment(behind, numbers)
            );
        }
        if piece.is_empty() {
            String::new()
        } else if class::is_phone(piece) {
            numbers.phone(piece)
        } else if piece.bytes().any(|byte| byte.is_ascii_digit()) {
            numbers.id(piece)
        } else {
            self.words(piece)
        }
    }

    /// Another host below `.example`, unless it is nobody's.
    fn host(&mut self, host: &str) -> String {
        if NOBODYS.iter().any(|nobodys| host.ends_with(nobodys)) || is_loopback(host) {
            return host.to_owned();
        }
        let labels: Vec<&str> = host.split('.').collect();
        let named = labels.split_last().map_or(&labels[..], |(_, rest)| rest);
        let new: Vec<String> = named.iter().map(|label| self.words(label)).collect();
        if new.is_empty() {
            format!("{}.example", self.words(host))
        } else {
            format!("{}.example", new.join("."))
        }
    }

    /// Every run of letters another, every digit another; signs stay.
    fn words(&mut self, text: &str) -> String {
        let mut changed = String::with_capacity(text.len());
        let mut word = String::new();
        for letter in text.chars().chain(['\0']) {
            if letter.is_alphabetic() {
                word.push(letter);
                continue;
            }
            if !word.is_empty() {
                changed.push_str(&self.word(&std::mem::take(&mut word)));
            }
            match letter {
                '\0' => {}
                '0'..='9' => {
                    let mut chance = Chance::new(&self.seed, &format!("digit {text}{letter}"));
                    changed.push(char::from(b'0' + u8::try_from(chance.below(10)).unwrap_or(0)));
                }
                _ => changed.push(letter),
            }
        }
        changed
    }

    /// Another word, in the letter case of this one.
    fn word(&mut self, word: &str) -> String {
        let lower: String = word.chars().map(small).collect();
        let known = self.known.get(&lower).cloned();
        let new = known.unwrap_or_else(|| self.drawn(&lower));
        self.known.insert(lower, new.clone());
        let letters = new.chars().zip(word.chars());
        letters.map(|(new, old)| if old.is_uppercase() { large(new) } else { new }).collect()
    }

    fn drawn(&self, lower: &str) -> String {
        let mut new = lower.to_owned();
        for count in 0..TRIES {
            let mut chance = Chance::new(&self.seed, &format!("word {lower} {count}"));
            let mut vowel = chance.below(2) == 0;
            new = lower
                .chars()
                .map(|letter| {
                    vowel = !vowel;
                    match letter {
                        'a'..='z' if vowel => pick("aeiou", &mut chance),
                        'a'..='z' => pick("bdfgklmnprstvz", &mut chance),
                        _ => neighbour(letter, &mut chance),
                    }
                })
                .collect();
            if new != lower && !self.has_original(&new) {
                break;
            }
        }
        new
    }

    /// Whether a word of the originals is in it.
    fn has_original(&self, new: &str) -> bool {
        let letters: Vec<(usize, char)> = new.char_indices().collect();
        let ends = letters.iter().map(|(at, letter)| at + letter.len_utf8());
        let ends: Vec<usize> = ends.collect();
        letters.iter().enumerate().any(|(first, (from, _))| {
            let ends = ends.iter().skip(first + WORD_MIN - 1);
            ends.filter_map(|to| new.get(*from..*to)).any(|part| self.occurring.contains(part))
        })
    }
}

/// The words of a text that are long enough to be told from others, in small letters.
fn words_of(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|letter: char| !letter.is_alphabetic());
    let fits = |word: &&str| word.chars().count() >= WORD_MIN && word.len() <= WORD_MAX;
    words.filter(fits).map(str::to_lowercase)
}

fn is_loopback(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn pick(from: &str, chance: &mut Chance) -> char {
    from.chars().nth(chance.below(from.len())).unwrap_or('a')
}

/// The small letter, where it is one letter as well.
fn small(letter: char) -> char {
    let mut small = letter.to_lowercase();
    if small.len() == 1 { small.next().unwrap_or(letter) } else { letter }
}

fn large(letter: char) -> char {
    let mut large = letter.to_uppercase();
    if large.len() == 1 { large.next().unwrap_or(letter) } else { letter }
}

/// Another letter of the same script, as long in UTF-8, that has no letter case or is small.
fn neighbour(letter: char, chance: &mut Chance) -> char {
    let block = u32::from(letter) & !0x1f;
    let fits = |other: &char| {
        other.is_alphabetic()
            && *other != letter
            && !other.is_uppercase()
            && other.len_utf8() == letter.len_utf8()
    };
    let others: Vec<char> = (block..block + 0x20).filter_map(char::from_u32).filter(fits).collect();
    others.get(chance.below(others.len())).copied().unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> (String, Texts, Numbers) {
        let (mut texts, mut numbers) = (Texts::new([5; 16]), Numbers::new([5; 16]));
        texts.note(text);
        numbers.note(text);
        let changed = texts.text(text, &mut numbers);
        (changed, texts, numbers)
    }

    #[test]
    fn words_numbers_and_addresses_become_others_and_the_same_ones_again() {
        let original = "Hi Ines, call +1 202 555 0143 or INES@shop.co, see https://shop.co/u/Ines.jpg?id=12025550143 — José & 小明!";
        let (changed, mut texts, mut numbers) = text(original);
        for part in
            ["Ines", "INES", "202 555 0143", "shop.co", "12025550143", "José", "小明", "call"]
        {
            assert!(!changed.contains(part), "{part} is in {changed}");
        }
        assert_eq!(
            changed.chars().filter(|c| ", —&!".contains(*c)).count(),
            original.chars().filter(|c| ", —&!".contains(*c)).count()
        );
        let name = texts.word("Ines");
        assert!(
            changed.contains(&name) && changed.contains(&name.to_uppercase()),
            "{name}: {changed}"
        );
        let number = numbers.phone("12025550143");
        assert!(changed.contains(&number) && changed.contains(".jpg?"), "{number}: {changed}");
        assert_eq!(texts.text(original, &mut numbers), changed);
    }

    #[test]
    fn hosts_of_nobody_stay_and_others_go_below_example() {
        let (changed, _, _) = text("https://media.example.com/a1b2/photo.png");
        assert!(changed.starts_with("https://media.example.com/") && changed.contains(".png"));
        assert!(!changed.contains("photo") && !changed.contains("a1b2"), "{changed}");
        let (changed, _, _) = text("http://10.1.2.3:8080/x");
        assert!(changed.contains(".example:8080/"), "{changed}");
    }
}
