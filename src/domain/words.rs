//! What texts are searched by: how an event's words are folded and cut into what an index keeps, and how a search finds them.
//!
//! People write to each other in every language, and look for a part of a word as often as for its beginning: Indonesian and Arabic put
//! much before the stem, and Chinese, Japanese and Thai have no spaces. So an index of whole words would not do. It keeps every
//! three letters that follow one another in a word instead, and in scripts without spaces every letter and every two; that is also what
//! finds a part of a phone number. An index can therefore say more than is true, never less: what it finds is looked at again here.

use std::collections::BTreeSet;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::event::Data;

/// Characters of one text that are searched; what is longer is not a chat message.
const TEXT_MAX: usize = 4_096;

/// The most texts of one event that are searched.
const TEXTS_MAX: usize = 64;

/// Characters that a search may have.
pub const SEARCH_MAX: usize = 200;

/// Letters of a word that are kept together. A shorter word is kept whole.
const GRAM: usize = 3;

/// The keys under which the parts of an event hold what people would look for.
const NAMING: [&str; 9] = [
    "name",
    "text",
    "title",
    "caption",
    "description",
    "reason",
    "body",
    "display_name",
    "address",
];

/// How deep the parts of an event are looked through.
const DEPTH_MAX: usize = 4;

/// The letter by which Arabic words are drawn out; it means nothing.
const TATWEEL: char = '\u{640}';

/// An event's words, folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<Run>);

/// Letters and digits that follow one another, all of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    letters: String,
    /// Whether its script writes no spaces, so that a word may begin anywhere.
    dense: bool,
}

impl Words {
    /// What can be found of an event: texts, captions, names of files and people, reasons of failures; with these the phone numbers.
    /// An event that has none of them, as most receipts, has no words.
    #[must_use]
    pub fn of(data: &Data) -> Self {
        let mut texts: Vec<&str> = Vec::new();
        let mut phones: Vec<&str> = Vec::new();
        if let Some(message) = &data.message {
            for party in [&message.from, &message.to].into_iter().flatten() {
                texts.extend(party.name.as_deref());
                phones.extend(party.phone.as_deref());
            }
            if let Some(content) = &message.content {
                texts.extend(content.text.as_deref());
                for medium in &content.media {
                    texts.extend(medium.caption.as_deref());
                    texts.extend(medium.filename.as_deref());
                }
                collect(&content.more, DEPTH_MAX, &mut texts);
            }
            if let Some(error) = &message.error {
                texts.extend(
                    [&error.code, &error.provider_code, &error.reason]
                        .into_iter()
                        .flatten()
                        .map(String::as_str),
                );
            }
        }
        for part in data.parts.values() {
            collect(part, DEPTH_MAX, &mut texts);
        }
        texts.truncate(TEXTS_MAX);
        if texts.is_empty() {
            return Self::default();
        }
        Self(texts.into_iter().chain(phones).flat_map(runs).collect())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What an index keeps of them, each once, with spaces in between.
    #[must_use]
    pub fn grams(&self) -> String {
        let grams: BTreeSet<String> = self.0.iter().flat_map(Run::grams).collect();
        grams.into_iter().collect::<Vec<_>>().join(" ")
    }
}

/// What is searched for: every part of it has to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(Vec<Run>);

/// A search is kept as its folded words, which fold to themselves.
impl Serialize for Search {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words: Vec<&str> = self.0.iter().map(|run| run.letters.as_str()).collect();
        serializer.serialize_str(&words.join(" "))
    }
}

impl<'de> Deserialize<'de> for Search {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a search without words"))
    }
}

impl Search {
    /// What somebody typed; `None` if there is no letter and no digit in it. Nothing in it means anything but itself.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut wanted: Vec<Run> = Vec::new();
        for run in runs(text) {
            if !wanted.contains(&run) {
                wanted.push(run);
            }
        }
        (!wanted.is_empty()).then_some(Self(wanted))
    }

    /// Whether all of it is in these words: three letters and more anywhere in a word, one or two as a word of their own.
    #[must_use]
    pub fn is_in(&self, words: &Words) -> bool {
        self.0.iter().all(|wanted| words.0.iter().any(|run| run.has(wanted)))
    }

    /// What an index has to have kept of an event that has it all.
    #[must_use]
    pub fn grams(&self) -> BTreeSet<String> {
        self.0.iter().flat_map(Run::needed).collect()
    }
}

impl Run {
    fn has(&self, wanted: &Self) -> bool {
        if self.dense != wanted.dense {
            return false;
        }
        let is_short = !wanted.dense && wanted.letters.chars().nth(GRAM - 1).is_none();
        if is_short {
            self.letters == wanted.letters
        } else {
            self.letters.contains(&wanted.letters)
        }
    }

    /// What an index keeps of it.
    fn grams(&self) -> Vec<String> {
        if !self.dense {
            return windows(&self.letters, GRAM);
        }
        let mut grams = windows(&self.letters, 1);
        grams.extend(windows(&self.letters, 2));
        grams
    }

    /// What an index has kept of every run that has this one.
    fn needed(&self) -> Vec<String> {
        windows(&self.letters, if self.dense { 2 } else { GRAM })
    }
}

/// Every `length` characters that follow one another; all of them if there are fewer.
fn windows(text: &str, length: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() < length {
        return vec![text.to_owned()];
    }
    letters.windows(length).map(|window| window.iter().collect()).collect()
}

/// A text's runs: without accents, letter case and whatever is no letter or digit.
fn runs(text: &str) -> Vec<Run> {
    let end = text.char_indices().nth(TEXT_MAX).map_or(text.len(), |(place, _)| place);
    let text = text.get(..end).unwrap_or(text);
    let classes = CanonicalCombiningClassMapBorrowed::new();
    let mut found: Vec<Run> = Vec::new();
    let mut goes_on = false;
    for letter in DecomposingNormalizerBorrowed::new_nfkd()
        .normalize(text)
        .chars()
        .flat_map(char::to_lowercase)
    {
        // Accents, vowel points and tone marks are written by some and left out by others.
        if classes.get_u8(letter) != 0 || letter == TATWEEL {
            continue;
        }
        if !letter.is_alphanumeric() {
            goes_on = false;
            continue;
        }
        let dense = is_dense(letter);
        match found.last_mut().filter(|run| goes_on && run.dense == dense) {
            Some(run) => run.letters.push(letter),
            None => found.push(Run { letters: letter.to_string(), dense }),
        }
        goes_on = true;
    }
    found
}

/// Whether the letter is of a script that writes no spaces between words.
fn is_dense(letter: char) -> bool {
    matches!(
        letter,
        '\u{e00}'..='\u{eff}'           // Thai, Lao
            | '\u{1000}'..='\u{109f}'   // Burmese
            | '\u{1780}'..='\u{17ff}'   // Khmer
            | '\u{3005}'..='\u{30ff}'   // Hiragana, Katakana
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{9fff}'   // Han
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

/// The texts that stand under a naming key.
fn collect<'a>(part: &'a Map<String, Value>, depth: usize, texts: &mut Vec<&'a str>) {
    for (key, value) in part {
        walk(value, NAMING.contains(&key.as_str()), depth, texts);
    }
}

fn walk<'a>(value: &'a Value, is_named: bool, depth: usize, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if is_named => texts.push(text),
        Value::Array(items) if depth > 0 => {
            for item in items {
                walk(item, is_named, depth - 1, texts);
            }
        }
        Value::Object(fields) if depth > 0 => collect(fields, depth - 1, texts),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn words(text: &str) -> Words {
        data(json!({ "message": { "id": "a", "content": { "type": "text", "text": text } } }))
    }

    fn data(mut data: Value) -> Words {
        data["vendor"] = json!("v");
        data["dialect"] = json!("d");
        Words::of(&serde_json::from_value(data).unwrap())
    }

    #[test]
    fn words_are_found_in_every_language_by_what_people_type() {
        let table = [
            ("Terima kasih atas pembayarannya", "bayar", true),
            ("Terima kasih atas pembayarannya", "KASIH terima", true),
            ("Terima kasih atas pembayarannya", "kasih tunai", false),
            ("我要退款，谢谢", "退款", true),
            ("我要退款，谢谢", "款", true),
            ("我要退款，谢谢", "退谢", false),
            ("我要退款，谢谢", "要款", false),
            ("والكتابُ على الطاولة", "كتاب", true),
            ("كـــتاب", "كتاب", true),
            ("สวัสดีครับ", "ครับ", true),
            ("ありがとうございます", "ありがと", true),
            ("ﾘﾌｧﾝﾄﾞ", "リファンド", true),
            ("환불 부탁드립니다", "환불", true),
            ("Возврат денег", "возвр", true),
            ("Où est le café ?", "cafe", true),
            ("Ou est le cafe ?", "CAFÉ", true),
            ("cafe\u{301}", "café", true),
            ("Straße", "straße", true),
            ("ok, see you", "ok", true),
            ("the book", "ok", false),
            ("order km-276596 is late", "276596", true),
            ("order km-276596 is late", "km-2765", true),
            ("order km-276596 is late", "m-276", false),
            ("room 7", "7", true),
            ("नमस्ते दुनिया", "दुनिया", true),
            ("", "rye", false),
            ("rye 🥖 bread", "🥖 bread", true),
        ];
        for (text, search, expected) in table {
            let found = Search::parse(search).unwrap().is_in(&words(text));
            assert_eq!(found, expected, "{search:?} in {text:?}");
        }
        for nothing in ["", "  ", "?!", "🥖", "\u{301}", "\"'()*:^-"] {
            assert_eq!(Search::parse(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn an_event_is_found_by_its_texts_names_reasons_and_with_these_by_its_phone() {
        let message = json!({ "message": {
            "id": "a",
            "from": { "phone": "+12025550143", "name": "Marit Solheim" },
            "content": { "type": "interactive", "media": [{ "caption": "Receipt", "filename": "oven.pdf" }],
                         "interactive": { "title": "Track my order", "id": "hidden" } },
            "error": { "code": "1022", "reason": "Message window expired" },
        }});
        let found = data(message);
        for search in
            ["solheim", "receipt", "oven", "track", "1022", "window expired", "5550143", "202 555"]
        {
            assert!(Search::parse(search).unwrap().is_in(&found), "{search}");
        }
        assert!(!Search::parse("hidden").unwrap().is_in(&found));
        let contact =
            data(json!({ "contact": { "id": "1", "name": "Marit", "tags": [{ "name": "vip" }] } }));
        assert!(Search::parse("marit vip").unwrap().is_in(&contact));
        let receipt = data(json!({ "message": { "id": "a", "to": { "phone": "+12025550143" } } }));
        assert!(receipt.is_empty());
    }

    proptest! {
        /// What an index keeps never rules out what is there.
        #[test]
        fn an_index_never_says_less_than_is_true(text in "[a-cé退款ค 1-3\u{301}-]{0,40}", search in "[a-cé退款ค 1-3-]{1,4}") {
            let words = words(&text);
            let grams = words.grams();
            let kept: BTreeSet<&str> = grams.split(' ').collect();
            if let Some(wanted) = Search::parse(&search).filter(|wanted| wanted.is_in(&words)) {
                for gram in wanted.grams() {
                    prop_assert!(kept.contains(gram.as_str()), "{gram:?} of {search:?} is not in {kept:?}");
                }
            }
        }

        #[test]
        fn whatever_is_typed_is_cut_into_letters_and_digits(search in "\\PC{0,60}") {
            if let Some(wanted) = Search::parse(&search) {
                for gram in wanted.grams() {
                    prop_assert!(!gram.is_empty() && gram.chars().all(char::is_alphanumeric), "{gram:?}");
                }
            }
        }
    }
}
