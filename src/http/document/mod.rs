//! `/openapi.json`: what the API can do, told from the same table that it is served from and from the types that it answers.

mod components;
mod describe;
mod reading;
mod shapes;

use std::fmt::Write;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use super::operation::{Answer, Operation};
use super::problem::Code;
use super::room::{Current, Room};
use super::routes::API;

/// The document.
pub(super) const DOCUMENT: Operation =
    Operation::get("openapi", "This document", || web::to(document))
        .open()
        .answers(&[Answer::json::<Map<String, Value>>("An OpenAPI 3.1 document.")]);

/// The page.
pub(super) const PAGE: Operation =
    Operation::get("docs", "This document as a page to read", || web::to(page))
        .open()
        .answers(&[Answer::text("text/html", "A page that needs nothing from anywhere else.")]);

/// The document of an API that wants keys.
static WITH_KEYS: LazyLock<Value> = LazyLock::new(|| whole(false));

/// The document of an API that this machine's own users need no key for.
static ANONYMOUS: LazyLock<Value> = LazyLock::new(|| whole(true));

fn of(room: &Room) -> &'static Value {
    if room.config.api.anonymous { &ANONYMOUS } else { &WITH_KEYS }
}

/// `GET /openapi.json`.
async fn document(room: Current) -> HttpResponse {
    HttpResponse::Ok().json(of(&room))
}

/// `GET /docs`: no scripts, nothing from anywhere else, and nobody may frame it.
async fn page(room: Current) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, reading::policy()))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(reading::page(of(&room)))
}

/// The whole document.
fn whole(anonymous: bool) -> Value {
    let mut components = components::Components::default();
    let mut paths = Map::new();
    let mut tags: Vec<&str> = Vec::new();
    for (path, operations) in API {
        let mut item = Map::new();
        for operation in *operations {
            let told = describe::operation(path, operation, anonymous, &mut components);
            item.insert(operation.verb.method().as_str().to_lowercase(), told);
        }
        let tag = describe::tag(path);
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        paths.insert(describe::path(path), Value::Object(item));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "callbox",
            "summary": "One inbox for every messaging vendor's callbacks.",
            "description": introduction(anonymous),
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "tags": tags.into_iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of `callbox keys new`, with the scopes `read` (ask), `raw` (callbacks as they came) or `operate` (pause, retry, cancel, read again). A key that is limited to sources finds nothing else: what is of others is answered 404.",
                },
            },
            "schemas": components.schemas(),
        },
    })
}

const INTRODUCTION: &str = "\
Ask what became of callbacks, events, messages and deliveries, and do something about them.

**Lists** are read page by page: `{\"data\": […], \"cursor\": \"…\", \"next_cursor\": \"…\"}`. `next_cursor` is there only while there may \
be more; `cursor` is always there, for polling. Nothing is skipped and nothing comes twice while events arrive. A page looks at a bounded \
number of rows, so a rare filter may give a short or an empty page with a `next_cursor`.

**Times** are RFC 3339, UTC, with milliseconds. **Absent means absent**: no nulls, no empty texts.

**Errors** are `application/problem+json` (RFC 9457) with a `code` of this table and a `detail` that says what is wrong with this very request:

";

fn introduction(anonymous: bool) -> String {
    let mut text = INTRODUCTION.to_owned();
    text.push_str("| code | status | what to do |\n| --- | --- | --- |\n");
    for code in Code::ALL.iter().filter(|code| code.is_of_the_api()) {
        let row = code.row();
        // Writing to a text can't fail.
        let _ = writeln!(text, "| `{}` | {} | {} |", row.code, row.status.as_u16(), row.remedy);
    }
    if anonymous {
        text.push_str(
            "\nThis callbox needs no key from this machine: requests to `localhost`, `127.x` or `[::1]` have every scope.\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_its_own_name_and_says_what_it_answers() {
        let mut names = BTreeSet::new();
        for operation in API.iter().flat_map(|(_, operations)| operations.iter()) {
            assert!(names.insert(operation.id), "{} is there twice", operation.id);
            assert!(!operation.answers.is_empty(), "{} answers nothing", operation.id);
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_nothing_is_told_in_vain() {
        let document = whole(true);
        let text = document.to_string();
        let references: BTreeSet<&str> =
            text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.len() > 20);
        for place in &references {
            assert!(document.pointer(place).is_some(), "{place}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            let place = format!("/components/schemas/{name}");
            assert!(references.contains(place.as_str()), "{name} is used nowhere");
        }
        assert!(!text.contains("\"null\""), "absent means absent");
    }
}
