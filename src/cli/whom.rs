//! The options that say which person is meant.

use serde_json::{Map, Value};

/// Which person; exactly one of them.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct WhomArgs {
    /// Whoever has this number, with its country code; its digits alone are compared
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// Whoever has this id at the vendor or on the channel
    #[arg(long, value_name = "ID")]
    contact: Option<String>,
    /// Everything of this conversation
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
}

impl WhomArgs {
    /// As the API wants to hear it.
    pub(super) fn wish(&self) -> Map<String, Value> {
        self.named().map(|(name, text)| (name.to_owned(), Value::from(text))).collect()
    }

    /// As whoever typed it reads it.
    pub(super) fn shown(&self) -> String {
        self.named().next().map(|(name, text)| format!("{name} {text}")).unwrap_or_default()
    }

    fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        let options = [
            ("phone", &self.phone),
            ("contact", &self.contact),
            ("conversation", &self.conversation),
        ];
        options.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?)))
    }
}
