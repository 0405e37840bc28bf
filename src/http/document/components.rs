//! The document's schemas: made from the types, each with an example where there is one.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

/// An example of each of the larger schemas. A test holds them to their schemas.
const EXAMPLES: &str = include_str!("examples.json");

/// Collects the schemas that are referred to.
pub(super) struct Components(SchemaGenerator);

impl Default for Components {
    fn default() -> Self {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }
}

impl Components {
    /// The schema that `make` makes, as it stands where it is used.
    pub(super) fn schema(&mut self, make: fn(&mut SchemaGenerator) -> Schema) -> Value {
        let mut schema = make(&mut self.0).to_value();
        tidy(&mut schema);
        schema
    }

    /// All schemas that were referred to, by their names.
    pub(super) fn schemas(mut self) -> Map<String, Value> {
        let mut schemas = self.0.take_definitions(true);
        let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
        for (name, schema) in &mut schemas {
            tidy(schema);
            if let (Some(schema), Some(example)) = (schema.as_object_mut(), examples.get(name)) {
                schema.insert("examples".to_owned(), Value::Array(vec![example.clone()]));
            }
        }
        schemas
    }
}

/// Takes out what is never answered: what could be null is absent instead; and the formats that JSON Schema does not know.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let absent: Vec<String> = members
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter(|(_, shape)| may_be_null(shape))
                .map(|(name, _)| name.clone())
                .collect();
            if let Some(Value::Array(required)) = members.get_mut("required") {
                required.retain(|name| !absent.iter().any(|absent| name == absent));
            }
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    members.remove("anyOf");
                    members.extend(only);
                }
            }
            let format = members.get("format").and_then(Value::as_str);
            if format.is_some_and(|format| format.starts_with("uint") || format == "double") {
                members.remove("format");
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn may_be_null(shape: &Value) -> bool {
    let is_null = |kind: &Value| kind == "null";
    let of = |place: &str| shape.get(place).and_then(Value::as_array).into_iter().flatten();
    of("type").any(is_null) || of("anyOf").any(|choice| choice.get("type").is_some_and(is_null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_belongs_to_a_schema_and_every_larger_schema_has_one() {
        let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).unwrap();
        let document = super::super::whole(false);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for name in examples.keys() {
            assert!(schemas.contains_key(name), "there is no schema {name}");
        }
    }
}
