//! How an operation is told in the document: its parameters, its answers, and what may be refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::components::Components;
use super::shapes;
use crate::domain::id::{CallbackId, DeliveryId, ErasureId, EventId, ReplayId};
use crate::http::operation::{Answer, Body, Operation};
use crate::http::parameters::{Param, Shape};
use crate::http::problem::{Code, ProblemTold};

/// An operation at a path.
pub(super) fn operation(
    route: &str,
    operation: &Operation,
    anonymous: bool,
    components: &mut Components,
) -> Value {
    let mut parameters: Vec<Value> = names(route).map(|name| in_path(route, name)).collect();
    parameters.extend(operation.query.iter().copied().flatten().map(in_query));
    let mut told = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [tag(route)],
        "responses": responses(route, operation, components),
        "security": security(operation, anonymous),
    });
    if let (Some(told), Some(make)) = (told.as_object_mut(), operation.body) {
        let content = json!({ "application/json": { "schema": components.schema(make) } });
        told.insert("requestBody".to_owned(), json!({ "content": content }));
    }
    if let (Some(told), false) = (told.as_object_mut(), parameters.is_empty()) {
        told.insert("parameters".to_owned(), Value::Array(parameters));
    }
    told
}

/// The route as the document writes it: `{id:.*}` is `{id}`.
pub(super) fn path(route: &str) -> String {
    route.replace(":.*}", "}")
}

/// What the path is about: its first segment, without the version.
pub(super) fn tag(route: &str) -> &str {
    match route.strip_prefix("/v1/") {
        Some(below) => below.split('/').next().unwrap_or(below),
        None => "callbox",
    }
}

/// Who may: a key with the scope; everybody where there is none, and this machine's own users where that is configured.
fn security(operation: &Operation, anonymous: bool) -> Value {
    match operation.scope {
        None => json!([]),
        Some(scope) if anonymous => json!([{ "key": [scope.as_str()] }, {}]),
        Some(scope) => json!([{ "key": [scope.as_str()] }]),
    }
}

/// The names of a route's parameters.
fn names(route: &str) -> impl Iterator<Item = &str> {
    let behind = route.split('{').skip(1);
    behind.filter_map(|rest| rest.split(['}', ':']).next())
}

fn in_path(route: &str, name: &str) -> Value {
    let text = |what: &str| json!({ "type": "string", "minLength": 1, "description": what });
    let name_schema = || json!({ "$ref": "#/components/schemas/Name" });
    let (schema, example) = match (name, tag(route)) {
        ("source", _) | ("name", "sources") => (name_schema(), "shop"),
        ("name", _) => (name_schema(), "crm"),
        ("id", "events") => (id(EventId::PREFIX), "evt_01M2N3P4Q5R6S7T8V9W0X1Y2Z3"),
        ("id", "callbacks") => (id(CallbackId::PREFIX), "cbk_01M2N3P4Q5R6S7T8V9W0X1Y2Z3"),
        ("id", "deliveries") => (id(DeliveryId::PREFIX), "dlv_01M2N3P4Q5R6S7T8V9W0X1Y2Z3"),
        ("id", "replays") => (id(ReplayId::PREFIX), "rpl_01M2N3P4Q5R6S7T8V9W0X1Y2Z3"),
        ("id", "erasures") => (id(ErasureId::PREFIX), "ers_01M2N3P4Q5R6S7T8V9W0X1Y2Z3"),
        ("id", "conversations") => {
            (text("The conversation's id, percent-encoded."), "+12025550188")
        }
        (_, _) => (text("The vendor's id, percent-encoded."), "4f290edb-ecd8-4d2e"),
    };
    json!({ "name": name, "in": "path", "required": true, "schema": schema, "example": example })
}

fn id(prefix: &str) -> Value {
    let what = format!("An id: `{prefix}` and 26 letters and digits.");
    shapes::id(prefix, &what).to_value()
}

fn in_query(param: &Param) -> Value {
    let Param { name, what, shape, example, required } = *param;
    let many = matches!(shape, Shape::Globs | Shape::Names);
    let mut told = json!({
        "name": name,
        "in": "query",
        "required": required,
        "description": what,
        "schema": schema(shape),
        "example": if many { json!([example]) } else { value(shape, example) },
    });
    if let (Some(told), true) = (told.as_object_mut(), many) {
        told.insert("explode".to_owned(), Value::Bool(true));
    }
    told
}

fn value(shape: Shape, example: &str) -> Value {
    match (shape, example.parse::<u64>()) {
        (Shape::Number { .. }, Ok(number)) => json!(number),
        _ => json!(example),
    }
}

fn schema(shape: Shape) -> Value {
    const NAME: &str = "^[a-z][a-z0-9_-]{0,63}$";
    match shape {
        Shape::Text => json!({ "type": "string", "minLength": 1 }),
        Shape::Words(most) => {
            json!({ "type": "string", "pattern": "[\\p{L}\\p{N}]", "maxLength": most })
        }
        Shape::Digits => json!({ "type": "string", "pattern": "[0-9]" }),
        Shape::Name => json!({ "type": "string", "pattern": NAME }),
        Shape::Names => json!({ "type": "array", "items": { "type": "string", "pattern": NAME } }),
        Shape::EventId => id(EventId::PREFIX),
        Shape::Cursor => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" }),
        Shape::Globs => json!({
            "type": "array",
            "items": { "type": "string", "pattern": "^[a-z0-9_.*]+$", "maxLength": 64 },
        }),
        Shape::Time => json!({ "type": "string", "format": "date-time" }),
        Shape::Length(pattern) => json!({ "type": "string", "pattern": pattern }),
        Shape::Number { least, most, usual } => {
            json!({ "type": "integer", "minimum": least, "maximum": most, "default": usual })
        }
        Shape::Word(words) => json!({ "type": "string", "enum": words() }),
    }
}

/// The answers, and the refusals in groups by their status.
fn responses(route: &str, operation: &Operation, components: &mut Components) -> Value {
    let mut responses = Map::new();
    for answer in operation.answers {
        let told = responses
            .entry(answer.status.to_string())
            .or_insert_with(|| json!({ "description": answer.what, "content": {} }));
        if let Some(content) = told.get_mut("content").and_then(Value::as_object_mut) {
            content.insert(answer.media.to_owned(), body(answer, components));
        }
    }
    let mut refusals: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in refused(route, operation) {
        refusals.entry(code.row().status.as_u16()).or_default().push(code);
    }
    for (status, codes) in refusals {
        let problem = components.schema(schemars::SchemaGenerator::subschema_for::<ProblemTold>);
        let what: Vec<&str> = codes.iter().map(|code| code.row().title).collect();
        let examples = codes.iter().map(|code| (code.row().code.to_owned(), code.example()));
        let content = json!({ "schema": problem, "examples": examples.collect::<Map<_, _>>() });
        let told = responses
            .entry(status.to_string())
            .or_insert_with(|| json!({ "description": what.join("; or: "), "content": {} }));
        if let Some(content_of) = told.get_mut("content").and_then(Value::as_object_mut) {
            content_of.insert("application/problem+json".to_owned(), content);
        }
    }
    Value::Object(responses)
}

fn body(answer: &Answer, components: &mut Components) -> Value {
    match answer.body {
        Body::Json(make) => json!({ "schema": components.schema(make) }),
        Body::Text => json!({ "schema": { "type": "string" } }),
        Body::Bytes => json!({ "schema": {} }),
    }
}

/// What the operation may refuse: what follows from its needs, and what it says itself.
fn refused(route: &str, operation: &Operation) -> Vec<Code> {
    let mut codes = Vec::new();
    if operation.scope.is_some() {
        codes.extend([Code::InvalidParameter, Code::Unauthorized, Code::Forbidden]);
        codes.extend([Code::TooManyFailures, Code::Unavailable]);
    }
    if route.contains('{') {
        codes.push(Code::NotFound);
    }
    codes.extend(operation.problems);
    codes
}
