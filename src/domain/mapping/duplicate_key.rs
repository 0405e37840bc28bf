//! Recipes by which a repetition of an event is known, made of its fields.

use std::str::FromStr;

use super::Field;

/// A recipe for telling a repetition, such as `{id}:{status}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey(Vec<KeyPart>);

/// One part of a [`DuplicateKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// A text as it stands.
    Text(String),
    /// The value of a field, `{id}`; nothing if it has none.
    Field(Field),
}

impl DuplicateKey {
    /// Its parts, in order; at least one of them is a field.
    #[must_use]
    pub fn parts(&self) -> &[KeyPart] {
        &self.0
    }

    /// The fields in it.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.0.iter().filter_map(|part| match part {
            KeyPart::Field(field) => Some(*field),
            KeyPart::Text(_) => None,
        })
    }
}

/// Why a text is not a recipe for telling a repetition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// A brace is open or closed alone.
    #[error("a `{{` or `}}` stands alone; fields are written {{id}}")]
    Braces,
    /// There is no field in it.
    #[error("without a field, such as {{id}}, every event would be the same")]
    Constant,
    /// It names a field that there is not.
    #[error("there is no field `{0}`")]
    Field(String),
}

impl FromStr for DuplicateKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, after) = behind.split_once('}').ok_or(NotAKey::Braces)?;
            if !before.is_empty() {
                parts.push(KeyPart::Text(plain(before)?));
            }
            let field = Field::parse(name).ok_or_else(|| NotAKey::Field(name.to_owned()))?;
            parts.push(KeyPart::Field(field));
            rest = after;
        }
        if parts.is_empty() {
            return Err(NotAKey::Constant);
        }
        if !rest.is_empty() {
            parts.push(KeyPart::Text(plain(rest)?));
        }
        Ok(Self(parts))
    }
}

fn plain(text: &str) -> Result<String, NotAKey> {
    if text.contains('}') { Err(NotAKey::Braces) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_key_has_at_least_one_field_and_only_known_ones() {
        let key: DuplicateKey = "sms-{id}:{status}!".parse().unwrap();
        assert_eq!(key.fields().collect::<Vec<_>>(), [Field::Id, Field::Status]);
        assert_eq!(key.parts().len(), 5);
        let table = [
            ("", NotAKey::Constant),
            ("id", NotAKey::Constant),
            ("{id", NotAKey::Braces),
            ("id}{id}", NotAKey::Braces),
            ("{id}}", NotAKey::Braces),
            ("{state}", NotAKey::Field("state".to_owned())),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<DuplicateKey>(), Err(error), "{text}");
        }
    }
}
