//! A transform: a Jinja template that makes the body a destination wants out of an event, within bounds.
//!
//! A template sees the event's fields (`type`, `data`, …) and the whole as `event`. In a JSON body every printed value is written as
//! JSON, so that no text of a stranger's can break out; in XML and HTML it is escaped; elsewhere it stands as it is. A field that
//! the event does not have is `null` in JSON, and nothing elsewhere.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::fields;

/// The content type of a body unless told otherwise.
pub const JSON: &str = "application/json";

/// The most bytes of a template.
pub const TEMPLATE_MAX: usize = 64 * 1024;

/// The most bytes of a body that a template makes.
pub const BODY_MAX: usize = 1024 * 1024;

/// The most steps that a template takes for one event: printing a value is about three of them.
pub const STEPS_MAX: u64 = 200_000;

/// How deep macros and loops call each other at the most; a macro counts for several. So what doubles with each call stays small.
const DEPTH_MAX: usize = 32;

/// The template's name inside its environment.
const NAME: &str = "transform";

/// A template that was read, with what its body is. Cheap to clone.
#[derive(Clone)]
pub struct Transform {
    environment: Arc<Environment<'static>>,
    content_type: String,
}

impl fmt::Debug for Transform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Transform({})", self.content_type)
    }
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotATemplate {
    /// It is longer than [`TEMPLATE_MAX`].
    #[error("a template has at most {TEMPLATE_MAX} bytes")]
    TooLong,
    /// It can't be read.
    #[error("line {0}: {1}")]
    Syntax(usize, String),
    /// It names something that is not there.
    #[error("there is no `{0}`; {1}")]
    Name(String, String),
}

/// Why a template made no body of an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// It takes more than [`STEPS_MAX`] steps.
    #[error("the transform takes more than {STEPS_MAX} steps")]
    TooManySteps,
    /// It makes more than [`BODY_MAX`] bytes.
    #[error("the transform makes more than {BODY_MAX} bytes")]
    TooLong,
    /// It fails.
    #[error("the transform fails in line {0}: {1}")]
    Failed(usize, String),
    /// What it makes is not what its content type says.
    #[error("the transform makes no JSON: {0}")]
    NotJson(String),
}

impl Transform {
    /// Reads a template, whose body is of this content type.
    pub fn compile(template: &str, content_type: &str) -> Result<Self, NotATemplate> {
        if template.len() > TEMPLATE_MAX {
            return Err(NotATemplate::TooLong);
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(STEPS_MAX));
        environment.set_recursion_limit(DEPTH_MAX);
        environment.set_debug(false);
        // With these, a template could keep something that grows with every turn of a loop, or tell what is inside of us.
        environment.remove_global("namespace");
        environment.remove_global("debug");
        let kind = content_type.to_owned();
        environment.set_auto_escape_callback(move |_| escape(&kind));
        environment
            .add_template_owned(NAME, template.to_owned())
            .map_err(|error| NotATemplate::Syntax(error.line().unwrap_or(1), reason(&error)))?;
        check_names(&environment)?;
        try_out(&environment)?;
        Ok(Self { environment: Arc::new(environment), content_type: content_type.to_owned() })
    }

    /// The content type of the bodies.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The body for an event, which is given as it would be sent. Takes up to some tens of milliseconds.
    pub fn apply(&self, event: Value) -> Result<Vec<u8>, TransformError> {
        let failed = |error: &Error| {
            if error.kind() == ErrorKind::OutOfFuel {
                return TransformError::TooManySteps;
            }
            TransformError::Failed(error.line().unwrap_or(1), reason(error))
        };
        let mut seen = event;
        let whole = seen.clone();
        if let Some(fields) = seen.as_object_mut() {
            fields.insert("event".to_owned(), whole);
        }
        let mut body = Bounded::default();
        let template = self.environment.get_template(NAME).map_err(|error| failed(&error))?;
        let rendered = template.render_captured_to(minijinja::Value::from(Serde(seen)), &mut body);
        if body.overflows {
            return Err(TransformError::TooLong);
        }
        rendered.map_err(|error| failed(&error))?;
        if matches!(escape(&self.content_type), AutoEscape::Json) {
            serde_json::from_slice::<IgnoredAny>(&body.bytes)
                .map_err(|error| TransformError::NotJson(error.to_string()))?;
        }
        Ok(body.bytes)
    }
}

/// How values are written in a body of this type.
fn escape(content_type: &str) -> AutoEscape {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == JSON || kind.ends_with("+json") {
        AutoEscape::Json
    } else if kind.ends_with("/xml") || kind.ends_with("+xml") || kind == "text/html" {
        AutoEscape::Html
    } else {
        AutoEscape::None
    }
}

/// Refuses names that are never there: they would be nothing, in every body.
fn check_names(environment: &Environment<'_>) -> Result<(), NotATemplate> {
    let Ok(template) = environment.get_template(NAME) else { return Ok(()) };
    let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    names.sort();
    for name in names {
        let place: Vec<&str> = name.split('.').collect();
        let place = place.strip_prefix(&["event"]).unwrap_or(&place);
        let known = place.first().is_none_or(|first| {
            fields::TOP.contains(first) || environment.globals().any(|(global, _)| global == *first)
        });
        if let Some(meant) = fields::meant(place).filter(|_| !known || place.len() > 1) {
            return Err(NotATemplate::Name(name, format!("did you mean `{meant}`?")));
        }
        if !known {
            let known = format!("a template sees `event`, `{}`", fields::TOP.join("`, `"));
            return Err(NotATemplate::Name(name, known));
        }
    }
    Ok(())
}

/// Filters, tests and templates are looked up where they are used: what an event with nothing in it comes past is found at once.
fn try_out(environment: &Environment<'_>) -> Result<(), NotATemplate> {
    let Ok(template) = environment.get_template(NAME) else { return Ok(()) };
    let nothing = minijinja::Value::from(Serde(Map::new()));
    let tried = template.render_captured_to(nothing, &mut Bounded::default());
    let Err(error) = tried else { return Ok(()) };
    let missing = [
        ErrorKind::UnknownFilter,
        ErrorKind::UnknownTest,
        ErrorKind::UnknownFunction,
        ErrorKind::TemplateNotFound,
        ErrorKind::TooManyArguments,
    ];
    if missing.contains(&error.kind()) {
        return Err(NotATemplate::Syntax(error.line().unwrap_or(1), reason(&error)));
    }
    Ok(())
}

/// What went wrong, in one line.
fn reason(error: &Error) -> String {
    error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned)
        .replace(['\r', '\n'], " ")
}

/// A body that is cut off once it is too long.
#[derive(Debug, Default)]
struct Bounded {
    bytes: Vec<u8>,
    overflows: bool,
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(more.len()) > BODY_MAX {
            self.overflows = true;
            return Err(io::Error::other("the body is too long"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "id": "evt_1", "type": "message.received", "source": "shop", "time": "2026-08-12T09:15:57.000Z",
            "data": {
                "channel": "sms",
                "message": {"from": {"phone": "+12025550188"}, "content": {"type": "text", "text": "say \"hi\"\n<b>&"}},
                "extra": {"rows": [{"n": 1}, {"n": 2}]},
            },
        })
    }

    fn made(template: &str, content_type: &str) -> Result<String, TransformError> {
        let transform = Transform::compile(template, content_type).unwrap();
        transform.apply(event()).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn values_are_written_in_the_way_of_the_body() {
        let template = r#"{"text": {{ data.message.content.text }}, "to": {{ data.message.to.phone }}, "n": {{ data.extra.rows[1].n }},
            "all": {{ event.data.extra.rows }}{% if type == "message.received" %}, "in": true{% endif %}}"#;
        let body: Value = serde_json::from_str(&made(template, JSON).unwrap()).unwrap();
        let expected = json!({
            "text": "say \"hi\"\n<b>&", "to": null, "n": 2, "all": [{"n": 1}, {"n": 2}], "in": true,
        });
        assert_eq!(body, expected);
        let text = "{{ data.message.content.text }}|{{ data.message.to.phone }}";
        assert_eq!(made(text, "text/plain").unwrap(), "say \"hi\"\n<b>&|");
        assert_eq!(
            made(text, "text/xml; charset=utf-8").unwrap(),
            "say &quot;hi&quot;\n&lt;b&gt;&amp;|"
        );
        let form =
            "from={{ data.message.from.phone | urlencode }}&{{ {'a': 1, 'b': 'c d'} | urlencode }}";
        let form = made(form, "application/x-www-form-urlencoded").unwrap();
        assert_eq!(form, "from=%2B12025550188&a=1&b=c%20d");
        let whole = r#"{{ {"kind": type, "rows": data.extra.rows | map(attribute="n") | list} }}"#;
        assert_eq!(
            made(whole, "application/vnd.x+json").unwrap(),
            r#"{"kind":"message.received","rows":[1,2]}"#
        );
    }

    #[test]
    fn time_and_size_are_bounded() {
        let endless =
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        assert_eq!(made(endless, "text/plain").unwrap_err(), TransformError::TooManySteps);
        let long = "{% for a in range(2000) %}{{ 'x' * 1000 }}{% endfor %}";
        assert_eq!(made(long, "text/plain").unwrap_err(), TransformError::TooLong);
        let huge = "{{ 'x' * 1000000000 }}";
        assert!(matches!(made(huge, "text/plain").unwrap_err(), TransformError::Failed(1, _)));
        let doubling = "{% macro m(x, n) %}{% if n %}{{ m(x ~ x, n - 1) }}{% endif %}{% endmacro %}{{ m('x', 60) }}";
        let told = made(doubling, "text/plain").unwrap_err();
        assert!(matches!(told, TransformError::Failed(1, _)), "{told}");
        let within_itself = "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(1) }}";
        assert!(matches!(
            made(within_itself, "text/plain").unwrap_err(),
            TransformError::Failed(1, _)
        ));
    }

    #[test]
    fn what_fails_says_where() {
        let told = |template| made(template, JSON).unwrap_err().to_string();
        assert_eq!(
            told("{\n{{ 1 / 0 }}"),
            "the transform fails in line 2: unable to calculate 1 / 0"
        );
        assert!(told("{{ type }} and more").starts_with("the transform makes no JSON: "));
        assert!(told("").starts_with("the transform makes no JSON: "));
    }

    #[test]
    fn mistakes_are_found_when_a_template_is_read() {
        let told = |template: &str| Transform::compile(template, JSON).unwrap_err().to_string();
        assert_eq!(
            told("{\n{% if type %}\n"),
            "line 2: unexpected end of input, expected end of block"
        );
        assert!(told("{{ type | nope }}").contains("nope"));
        assert_eq!(told("{{ typ }}"), "there is no `typ`; did you mean `type`?");
        assert_eq!(
            told("{{ message.id }}"),
            "there is no `message.id`; did you mean `data.message`?"
        );
        assert_eq!(
            told("{{ event.data.mesage.id }}"),
            "there is no `event.data.mesage.id`; did you mean `data.message`?"
        );
        assert!(told("{{ foo }}").starts_with("there is no `foo`; a template sees `event`, "));
        assert!(told("{% include 'other' %}").contains("other"));
        assert!(told("{{ namespace() }}").contains("namespace"));
        assert!(told(&" ".repeat(TEMPLATE_MAX + 1)).contains("65536 bytes"));
        for good in [
            "{% set x = type %}{{ x }}",
            "{% for x in data.extra.rows %}{{ loop.index }}{{ x.n }}{% endfor %}",
            "{{ data.sequence }}{{ range(3) }}",
        ] {
            assert!(
                Transform::compile(good, JSON).is_ok(),
                "{good} {:?}",
                Transform::compile(good, JSON)
            );
        }
    }
}
