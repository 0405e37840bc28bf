//! `/docs`: the document as a page to read, made here, so that it needs no script and no other host.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// How the page looks, by day and by night.
const STYLE: &str = include_str!("reading.css");

/// What the page may load: nothing but the style that stands in it.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let style = STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
    });
    &POLICY
}

/// The whole page.
pub(super) fn page(document: &Value) -> String {
    let mut page = Page::default();
    let title = text(document, "/info/title");
    page.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width\"><title>");
    page.text(title);
    page.raw(" API</title><style>");
    page.raw(STYLE);
    page.raw("</style></head><body><header><h1>");
    page.text(title);
    page.raw(" <small>");
    page.text(text(document, "/info/version"));
    page.raw(
        "</small></h1><p>The same for programs: <a href=\"/openapi.json\">/openapi.json</a></p>",
    );
    page.prose(text(document, "/info/description"));
    page.raw("<p><b>Keys.</b> ");
    page.marked(text(document, "/components/securitySchemes/key/description"));
    page.raw("</p></header><nav><h2>Paths</h2><ul>");
    let operations = operations(document);
    for (path, verb, operation) in &operations {
        let id = text(operation, "/operationId");
        page.raw("<li><a href=\"#");
        page.text(id);
        page.raw("\"><b>");
        page.text(&verb.to_uppercase());
        page.raw("</b> <code>");
        page.text(path);
        page.raw("</code></a> ");
        page.text(text(operation, "/summary"));
        page.raw("</li>");
    }
    page.raw("</ul></nav><main>");
    for (path, verb, operation) in &operations {
        page.operation(path, verb, operation);
    }
    page.raw("<h2>Shapes</h2>");
    for (name, schema) in members(document, "/components/schemas") {
        page.schema(name, schema);
    }
    page.raw("</main></body></html>");
    page.0
}

fn operations(document: &Value) -> Vec<(&String, &String, &Value)> {
    let paths = members(document, "/paths");
    let each = paths.flat_map(|(path, item)| {
        let verbs = item.as_object().into_iter().flatten();
        verbs.map(move |(verb, operation)| (path, verb, operation))
    });
    each.collect()
}

fn members<'a>(value: &'a Value, place: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.pointer(place).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

fn items<'a>(value: &'a Value, place: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(place).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// The page as far as it is written.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Markup of ours.
    fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// A text, of which nothing is markup.
    fn text(&mut self, text: &str) {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                other => self.0.push(other),
            }
        }
    }

    /// A text with code between backticks and bold letters between pairs of stars.
    fn marked(&mut self, text: &str) {
        for (number, part) in text.split('`').enumerate() {
            if number % 2 == 1 {
                self.raw("<code>");
                self.text(part);
                self.raw("</code>");
                continue;
            }
            for (number, part) in part.split("**").enumerate() {
                self.raw(if number % 2 == 1 { "<b>" } else { "" });
                self.text(part);
                self.raw(if number % 2 == 1 { "</b>" } else { "" });
            }
        }
    }

    /// Paragraphs and tables.
    fn prose(&mut self, text: &str) {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            if !paragraph.starts_with('|') {
                self.raw("<p>");
                self.marked(paragraph);
                self.raw("</p>");
                continue;
            }
            self.raw("<table>");
            let rows =
                paragraph.lines().filter(|line| line.starts_with('|') && !line.contains("---"));
            for row in rows {
                self.raw("<tr>");
                for cell in row.trim_matches('|').split(" | ") {
                    self.raw("<td>");
                    self.marked(cell.trim());
                    self.raw("</td>");
                }
                self.raw("</tr>");
            }
            self.raw("</table>");
        }
    }

    fn operation(&mut self, path: &str, verb: &str, operation: &Value) {
        self.raw("<section id=\"");
        self.text(text(operation, "/operationId"));
        self.raw("\"><h2><b>");
        self.text(&verb.to_uppercase());
        self.raw("</b> <code>");
        self.text(path);
        self.raw("</code></h2><p>");
        self.marked(text(operation, "/summary"));
        let scope = text(operation, "/security/0/key/0");
        self.raw(". ");
        self.marked(&match scope {
            "" => "Nobody needs a key for it.".to_owned(),
            scope => format!("A key needs the scope `{scope}`."),
        });
        self.raw("</p>");
        let mut parameters = items(operation, "/parameters").peekable();
        if parameters.peek().is_some() {
            self.raw("<table><tr><th>parameter</th><th>in</th><th>allowed</th><th></th></tr>");
            for parameter in parameters {
                self.row(&[
                    &format!("`{}`", text(parameter, "/name")),
                    text(parameter, "/in"),
                    &allowed(parameter.pointer("/schema").unwrap_or(&Value::Null)),
                    match text(parameter, "/description") {
                        "" => text(parameter, "/schema/description"),
                        what => what,
                    },
                ]);
            }
            self.raw("</table>");
        }
        self.raw("<table><tr><th>answer</th><th>as</th><th></th></tr>");
        for (status, answer) in members(operation, "/responses") {
            for (media, content) in members(answer, "/content") {
                let shape = allowed(content.pointer("/schema").unwrap_or(&Value::Null));
                let what = format!("{} {shape}", text(answer, "/description"));
                self.row(&[&format!("`{status}`"), &format!("`{media}`"), &what]);
            }
        }
        self.raw("</table></section>");
    }

    fn schema(&mut self, name: &str, schema: &Value) {
        self.raw("<section id=\"shape-");
        self.text(name);
        self.raw("\"><h3>");
        self.text(name);
        self.raw("</h3><p>");
        self.marked(text(schema, "/description"));
        self.raw("</p>");
        let required: Vec<&str> = items(schema, "/required").filter_map(Value::as_str).collect();
        let mut properties = members(schema, "/properties").peekable();
        if properties.peek().is_some() {
            self.raw("<table><tr><th>member</th><th>there</th><th>is</th><th></th></tr>");
            for (member, shape) in properties {
                let there = if required.contains(&member.as_str()) { "always" } else { "maybe" };
                let what = text(shape, "/description");
                self.row(&[&format!("`{member}`"), there, &allowed(shape), what]);
            }
            self.raw("</table>");
        } else {
            self.raw("<p>");
            self.marked(&allowed(schema));
            self.raw("</p>");
        }
        for example in items(schema, "/examples") {
            self.raw("<pre>");
            self.text(&format!("{example:#}"));
            self.raw("</pre>");
        }
        self.raw("</section>");
    }

    fn row(&mut self, cells: &[&str]) {
        self.raw("<tr>");
        for cell in cells {
            self.raw("<td>");
            self.marked(cell);
            self.raw("</td>");
        }
        self.raw("</tr>");
    }
}

/// What a schema allows, in a few words.
fn allowed(schema: &Value) -> String {
    if let Some(name) = text(schema, "/$ref").strip_prefix("#/components/schemas/") {
        return format!("`{name}`");
    }
    let words: Vec<String> = items(schema, "/enum").map(|word| format!("`{word}`")).collect();
    if !words.is_empty() {
        return words.join(" ").replace('"', "");
    }
    let choices: Vec<String> = items(schema, "/oneOf").map(allowed_member).collect();
    if !choices.is_empty() {
        return choices.join(" ");
    }
    let mut told = text(schema, "/type").to_owned();
    if told == "array" {
        let of = allowed(schema.pointer("/items").unwrap_or(&Value::Null));
        return format!("list of {of}");
    }
    // Writing to a text can't fail, here and below.
    for (place, word) in [("/minimum", "from"), ("/maximum", "to"), ("/default", "usually")] {
        if let Some(number) = schema.pointer(place) {
            let _ = write!(told, " {word} {number}");
        }
    }
    for place in ["/format", "/pattern", "/const"] {
        if let Some(more) = schema.pointer(place).and_then(Value::as_str) {
            let _ = write!(told, " `{more}`");
        }
    }
    told
}

/// One of several choices: its only word, or what it has.
fn allowed_member(schema: &Value) -> String {
    match text(schema, "/const") {
        "" => {
            let names: Vec<String> =
                members(schema, "/properties").map(|(name, _)| format!("`{name}`")).collect();
            if names.is_empty() { allowed(schema) } else { format!("{{{}}}", names.join(", ")) }
        }
        word => format!("`{word}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_of_every_operation_and_asks_for_nothing_from_elsewhere() {
        let document = super::super::whole(true);
        let page = page(&document);
        for (_, _, operation) in operations(&document) {
            let id = text(operation, "/operationId");
            assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
        }
        for foreign in ["<script", "<img", "<link", "src=", "http://", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.contains("<td><code>invalid_parameter</code></td><td>400</td>"));
        assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
    }

    #[test]
    fn what_looks_like_markup_is_text() {
        let mut page = Page::default();
        page.marked("<b>&\"`<i>`**x**");
        assert_eq!(page.0, "&lt;b&gt;&amp;&quot;<code>&lt;i&gt;</code><b>x</b>");
    }
}
