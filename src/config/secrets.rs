//! Secrets of the configuration: from a variable (`env:NAME`), from a file (`file:PATH`), or as they stand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::judge::Judge;
use super::raw::Text;
use crate::domain::secret::Secret;

/// The secret that a text stands for. A path is relative to the working directory; one newline at the file's end is cut.
pub(super) fn secret(judge: &mut Judge<'_>, text: &Text) -> Option<Secret> {
    let written = text.get_ref();
    let value = if let Some(name) = written.strip_prefix("env:") {
        let Some(value) = judge.environment.get(name) else {
            return judge.refuse(text, format!("the variable {name} is not set"));
        };
        value.to_owned()
    } else if let Some(path) = written.strip_prefix("file:") {
        match std::fs::read_to_string(path) {
            Ok(value) => without_newline(&value).to_owned(),
            Err(error) => return judge.refuse(text, format!("can't read {path}: {error}")),
        }
    } else {
        written.clone()
    };
    if value.is_empty() {
        return judge.refuse(text, "the secret is empty, so anybody would have it");
    }
    Some(Secret::new(value))
}

/// A Standard Webhooks secret: `whsec_` and the base64 of 24 to 64 bytes.
pub(super) fn signing_secret(judge: &mut Judge<'_>, text: &Text) -> Option<Secret> {
    let secret = secret(judge, text)?;
    let Some(encoded) = secret.expose().strip_prefix("whsec_") else {
        return judge.refuse(text, "a Standard Webhooks secret begins with `whsec_`, with the base64 of 24 to 64 bytes behind it");
    };
    match STANDARD.decode(encoded) {
        Ok(key) if (24..=64).contains(&key.len()) => Some(secret),
        Ok(key) => {
            judge.refuse(text, format!("the secret has {} bytes; 24 to 64 are right", key.len()))
        }
        Err(_) => judge.refuse(text, "what stands behind `whsec_` is not base64 with its padding"),
    }
}

fn without_newline(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
