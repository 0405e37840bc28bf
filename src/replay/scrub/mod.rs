//! Recorded callbacks without what is anybody's: phone numbers, names, texts and ids become fictional ones, the same ones everywhere.
//!
//! What a fictional value is depends on the original and on a seed, so that it is the same wherever the original stands, in whatever
//! form: a phone number alone, with signs between its digits, in an address, in a text, in JSON inside of a text. No fictional value is
//! one that occurs among the originals which were noted before.

mod class;
mod names;
mod numbers;
mod texts;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::edit::{self, Kind, Leaf};
use super::request::Request;
use class::Class;
use numbers::Numbers;
use texts::Texts;

/// Headers that say who pushed, from where, or prove it; a fixture has its own.
const DROPPED: [&str; 12] = [
    "host",
    "forwarded",
    "via",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-amzn-trace-id",
    "traceparent",
    "tracestate",
    "x-request-id",
];

/// What the names of headers have in them that prove something or say from where.
const DROPPED_PARTS: [&str; 11] = [
    "authorization",
    "cookie",
    "apikey",
    "api-key",
    "api_key",
    "token",
    "secret",
    "signature",
    "password",
    "x-forwarded",
    "cf-",
];

/// Headers that say nothing of anybody.
const PLAIN: [&str; 8] = [
    "content-type",
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-charset",
    "cache-control",
    "content-encoding",
    "user-agent",
];

/// The largest body in which words are tried one by one, in bytes, and the most words of one.
const TRIED_BYTES_MAX: usize = 256 * 1024;
const TRIED_WORDS_MAX: usize = 200;

/// Makes fictional values, and remembers them.
#[derive(Debug)]
pub struct Scrubber {
    keep: Vec<String>,
    numbers: Numbers,
    texts: Texts,
    /// Words of the protocol: without them callbacks would read differently.
    words: BTreeSet<(String, String)>,
    /// Words that are kept for a try.
    tried: BTreeSet<(String, String)>,
}

impl Scrubber {
    /// A scrubber that leaves the fields `keep` as they are: by name, or by their whole path with dots.
    #[must_use]
    pub fn new(seed: [u8; 16], keep: &[String]) -> Self {
        Self {
            keep: keep.iter().map(|field| field.to_ascii_lowercase()).collect(),
            numbers: Numbers::new(seed),
            texts: Texts::new(seed),
            words: BTreeSet::new(),
            tried: BTreeSet::new(),
        }
    }

    /// Notes every number and every word of a request, so that no fictional one is made that equals it.
    pub fn note(&mut self, request: &Request) {
        let (numbers, texts) = (&mut self.numbers, &mut self.texts);
        let mut note = |leaf: &Leaf<'_>| {
            numbers.note(leaf.text);
            texts.note(leaf.text);
            if leaf.kind == Kind::Text && class::names_people(leaf.name()) {
                texts.note_person(leaf.text);
            }
            None
        };
        edit::body(content_type(request), &request.body, &mut note);
        edit::query(request.query(), &mut note);
        for (name, value) in &request.headers {
            edit::text(name, value, &mut note);
        }
    }

    /// The request without what is anybody's. `read` says what a request means, without what is anybody's: words without which it
    /// would mean something else are of the protocol and stay. Whether it means the same in the end comes back, too.
    pub fn request<M: PartialEq>(
        &mut self,
        request: &Request,
        read: impl Fn(&Request) -> M,
    ) -> (Request, bool) {
        let meant = read(request);
        self.tried.clear();
        let scrubbed = self.apply(request);
        if read(&scrubbed) == meant {
            return (scrubbed, true);
        }
        let doubtful = self.doubtful(request);
        if doubtful.len() > TRIED_WORDS_MAX || request.body.len() > TRIED_BYTES_MAX {
            return (scrubbed, false);
        }
        // With every word kept it should mean the same. If it does not, as little as possible is kept of what it still means.
        self.tried.clone_from(&doubtful);
        let at_best = read(&self.apply(request));
        for word in doubtful {
            self.tried.remove(&word);
            if read(&self.apply(request)) != at_best {
                self.tried.insert(word);
            }
        }
        let scrubbed = self.apply(request);
        let same = at_best == meant;
        if same {
            self.words.append(&mut self.tried);
        }
        (scrubbed, same)
    }

    /// A text in JSON, without what is anybody's: for what is known of a callback besides its bytes.
    pub fn json(&mut self, text: &str) -> String {
        let edited =
            edit::body(Some("application/json"), &Bytes::from(text.to_owned()), &mut |leaf| {
                self.change(leaf)
            });
        String::from_utf8_lossy(&edited).into_owned()
    }

    fn apply(&mut self, request: &Request) -> Request {
        let body = edit::body(content_type(request), &request.body, &mut |leaf| self.change(leaf));
        let path = self.path(request);
        let query = edit::query(request.query(), &mut |leaf| self.change(leaf));
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            let lower = name.to_ascii_lowercase();
            if PLAIN.contains(&lower.as_str()) {
                headers.push((name.clone(), value.clone()));
            } else if !DROPPED.contains(&lower.as_str())
                && !DROPPED_PARTS.iter().any(|part| lower.contains(part))
            {
                let value = edit::text(name, value, &mut |leaf| self.change(leaf));
                headers.push((name.clone(), value));
            }
        }
        Request { method: request.method.clone(), target, headers, body }
    }

    /// What stands behind the source's name: what the body calls its event stays, for some vendors append it.
    fn path(&mut self, request: &Request) -> String {
        let mut said = BTreeSet::new();
        edit::body(content_type(request), &request.body, &mut |leaf| {
            let is_said = class::is_said_by_protocol(leaf) && self.class(leaf) == Class::Keep;
            said.extend(is_said.then(|| class::plain(leaf.text)));
            None
        });
        let segments = request.path().split('/').enumerate().map(|(place, segment)| {
            // `/in/SOURCE/…`
            if place < 3 || said.contains(&class::plain(segment)) {
                return segment.to_owned();
            }
            edit::path_segment(segment, &mut |leaf| self.change(leaf))
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// The words of a request that may be of the protocol.
    fn doubtful(&self, request: &Request) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        let mut look = |leaf: &Leaf<'_>| {
            if self.class(leaf) == Class::Doubtful {
                found.insert(word(leaf));
            }
            None
        };
        edit::body(content_type(request), &request.body, &mut look);
        edit::query(request.query(), &mut look);
        for segment in request.path().split('/').skip(3) {
            edit::path_segment(segment, &mut look);
        }
        for (name, value) in &request.headers {
            edit::text(name, value, &mut look);
        }
        found
    }

    /// What the value is, also by what people are called elsewhere.
    fn class(&self, leaf: &Leaf<'_>) -> Class {
        let class = class::of(leaf);
        let may_stay = matches!(class, Class::Keep | Class::Doubtful);
        if !may_stay || !self.texts.names_a_person(leaf.text) {
            return class;
        }
        let is_sentence = leaf.kind != Kind::Name && leaf.text.contains(' ');
        if is_sentence { Class::Text } else { Class::Doubtful }
    }

    fn change(&mut self, leaf: &Leaf<'_>) -> Option<String> {
        let text = leaf.text;
        if leaf.kind != Kind::Name && self.is_kept(leaf) {
            return None;
        }
        match self.class(leaf) {
            Class::Keep => None,
            Class::Doubtful => {
                let word = word(leaf);
                let stays = self.words.contains(&word) || self.tried.contains(&word);
                (!stays).then(|| self.doubted(leaf))
            }
            Class::Phone => Some(self.numbers.phone(text)),
            Class::Jid => Some(self.numbers.jid(text)),
            Class::Mail => Some(self.texts.mail(text)),
            Class::Url => Some(self.texts.url(text, &mut self.numbers)),
            Class::Id => Some(self.numbers.id(text)),
            Class::Text => Some(self.texts.text(text, &mut self.numbers)),
        }
    }

    /// What becomes of a value that might have been of the protocol, and is not.
    fn doubted(&mut self, leaf: &Leaf<'_>) -> String {
        if class::is_day(leaf.text) {
            return self.numbers.day(leaf.text);
        }
        let is_id = leaf.kind == Kind::Name && leaf.text.contains(|c: char| c.is_ascii_digit());
        if is_id && !leaf.text.contains(' ') {
            return self.numbers.id(leaf.text);
        }
        self.texts.text(leaf.text, &mut self.numbers)
    }

    fn is_kept(&self, leaf: &Leaf<'_>) -> bool {
        let whole = leaf.path.join(".").to_ascii_lowercase();
        let is_meant = |field: &String| {
            whole == *field
                || whole.strip_suffix(field.as_str()).is_some_and(|before| before.ends_with('.'))
                || leaf.path.iter().any(|name| name.eq_ignore_ascii_case(field))
        };
        self.keep.iter().any(is_meant)
    }

    /// How many phone numbers became others.
    #[must_use]
    pub fn phones(&self) -> usize {
        self.numbers.phones()
    }
}

/// A value with its name: what is known of a word is known of it there.
fn word(leaf: &Leaf<'_>) -> (String, String) {
    let name = if leaf.kind == Kind::Name { String::new() } else { class::plain(leaf.name()) };
    (name, leaf.text.to_owned())
}

fn content_type(request: &Request) -> Option<&str> {
    let mut headers = request.headers.iter();
    let typed = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    typed.map(|(_, value)| value.as_str())
}

/// Originals and what became of them.
type Known = BTreeMap<String, String>;
