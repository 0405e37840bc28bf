//! What the environment says: overrides of single keys (`CALLBOX__SERVER__LISTEN`), and the variables that secrets name.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Mistakes, did_you_mean};
use super::tree::Tree;

/// What an override's name begins with, and what stands between its parts.
const PREFIX: &str = "CALLBOX__";
const BETWEEN: &str = "__";

/// The variables of the environment.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own. What is not UTF-8 can't be meant for us and is left out.
    #[must_use]
    pub fn of_the_process() -> Self {
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(texts.collect())
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The overrides, each padded so that its text begins where the one before it ended; the first at `start`.
    pub(super) fn overrides(&self, start: usize) -> Vec<Override> {
        let mut next = start;
        let named = self
            .0
            .iter()
            .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)));
        let overrides = named.map(|(name, path, value)| {
            let written = Override::new(name, path, value, next);
            next = written.range.end + 1;
            written
        });
        overrides.collect()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// A variable that overrides a key.
#[derive(Debug)]
pub(super) struct Override {
    name: String,
    path: Vec<String>,
    /// The value as an assignment, behind as many newlines as bytes were written before it.
    padded: String,
    range: Range<usize>,
    value: String,
}

impl Override {
    fn new(name: &str, path: &str, value: &str, start: usize) -> Self {
        let padded = format!("{}value = {value}", "\n".repeat(start));
        let range = start..padded.len();
        let path = path.to_ascii_lowercase().split(BETWEEN).map(str::to_owned).collect();
        Self { name: name.to_owned(), path, padded, range, value: value.to_owned() }
    }

    /// The value, read as TOML where it is that, else as the text it is.
    fn read(&self) -> Spanned<DeValue<'_>> {
        let parsed = DeTable::parse(&self.padded).ok().filter(|table| table.get_ref().len() == 1);
        let value = parsed.and_then(|mut table| table.get_mut().remove("value"));
        value.unwrap_or_else(|| {
            Spanned::new(self.range.clone(), DeValue::String(self.value.as_str().into()))
        })
    }

    /// Puts the value into the tree. A source, destination or key that the file does not have is refused: it is a name mistyped.
    pub(super) fn apply<'a>(&'a mut self, tree: &mut Tree<'a>, mistakes: &mut Mistakes) {
        for within in [&["sources"][..], &["destinations"], &["api", "keys"]] {
            if !begins_with(&self.path, within) {
                continue;
            }
            let known: Vec<String> = tree
                .table(within)
                .into_iter()
                .flatten()
                .map(|(name, _)| name.get_ref().to_string())
                .collect();
            let Some(name) = self.path.get_mut(within.len()) else { continue };
            // A variable's name has no `-`; the name in the file may.
            if let Some(meant) = known.iter().find(|known| known.replace('-', "_") == *name) {
                name.clone_from(meant);
            } else {
                let hint = did_you_mean(name, known.iter().map(String::as_str));
                let message =
                    format!("there is no [{}.{name}] in the file; {hint}", within.join("."));
                tree.note(&self.name, &self.range);
                mistakes.refuse(self.range.clone(), message);
                return;
            }
        }
        let this: &'a Self = self;
        if !tree.set(&this.name, &this.range, &this.path, this.read()) {
            mistakes.refuse(this.range.clone(), "something on the way to this key is not a table");
        }
    }
}

fn begins_with(path: &[String], keys: &[&str]) -> bool {
    path.len() > keys.len() && path.iter().zip(keys).all(|(step, key)| step == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::domain::source::Scheme;

    #[test]
    fn the_environment_overrides_keys_and_is_named_in_their_mistakes() {
        let text = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]
            [sources.two-words]\nvendor = \"wachat\"\nauth = [{ type = \"none\" }]";
        let right = Environment::from([
            ("CALLBOX__SERVER__LISTEN", "127.0.0.1:7000"),
            ("CALLBOX__STORE__RETENTION__EVENTS", "5d"),
            ("CALLBOX__SOURCES__TWO_WORDS__AUTH", "[{ type = \"bearer\", secrets = [\"a\"] }]"),
            ("CALLBOX_OTHER", "not for us"),
        ]);
        let config = Config::parse(text, "c.toml", &right).unwrap();
        assert_eq!(config.server.listen.port(), 7000);
        assert_eq!(config.store.retention.events.as_secs(), 5 * 86_400);
        assert!(matches!(config.sources[1].auth[..], [Scheme::Bearer { .. }]));

        let table = [
            (
                ("CALLBOX__SERVER__LISTEN", "x"),
                "CALLBOX__SERVER__LISTEN: [server] listen: not an address",
            ),
            (
                ("CALLBOX__SERVER__LISTEN", "5"),
                "CALLBOX__SERVER__LISTEN: [server] listen: expected a text in quotes",
            ),
            (
                ("CALLBOX__SERVER__LISTN", "x"),
                "CALLBOX__SERVER__LISTN: [server] unknown key `listn`; did you mean `listen`?",
            ),
            (
                ("CALLBOX__SEVER__LISTEN", "x"),
                "CALLBOX__SEVER__LISTEN: unknown key `sever`; did you mean `server`?",
            ),
            (
                ("CALLBOX__SOURCES__SHOPP__VENDOR", "x"),
                "CALLBOX__SOURCES__SHOPP__VENDOR: there is no [sources.shopp] in the file; did you mean `shop`?",
            ),
            (
                ("CALLBOX__SOURCES__SHOP__VENDOR__X", "x"),
                "CALLBOX__SOURCES__SHOP__VENDOR__X: something on the way",
            ),
            (
                ("CALLBOX__SOURCES__SHOP__VENDOR", "wachatt"),
                "CALLBOX__SOURCES__SHOP__VENDOR: [sources.shop] vendor: there is no vendor `wachatt`; did you mean `wachat`?",
            ),
            (("CALLBOX__", "x"), "CALLBOX__: unknown key"),
        ];
        for (pair, sentence) in table {
            let told =
                Config::parse(text, "c.toml", &Environment::from([pair])).unwrap_err().to_string();
            assert!(told.starts_with(sentence), "{pair:?} -> {told}");
        }
    }
}
