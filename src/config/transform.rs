//! The key `transform` of a destination: a template, here or in a file, and the type of what it makes.

use toml::Spanned;

use super::headers::visible;
use super::judge::Judge;
use super::raw::{RawDestination, RawTransform};
use crate::domain::transform::{JSON, NotATemplate, TEMPLATE_MAX, Transform};

/// The transform, if there is one and it is right.
#[expect(
    clippy::option_option,
    reason = "the outer one is the judge's: a mistake was noted; the inner one says that there is none"
)]
pub(super) fn transform(raw: &RawDestination, judge: &mut Judge<'_>) -> Option<Option<Transform>> {
    let Some(written) = &raw.transform else { return Some(None) };
    if let Some(format) = &raw.format
        && format.get_ref() != "event"
    {
        let message =
            "a transform makes the body of the event: leave `format` out, or the transform";
        judge.refuse::<_, ()>(format, message)?;
    }
    let (template, content_type) = match written.get_ref() {
        RawTransform::Template(text) => (Spanned::new(written.span(), text.clone()), None),
        RawTransform::Table(table) => {
            let Some(template) = &table.template else {
                let message = "lacks `template`, the text or `file:` and a path";
                judge.mistakes.lacks(written.span(), message);
                return None;
            };
            (template.clone(), table.content_type.as_ref())
        }
    };
    let kind = content_type.map_or(JSON, |kind| kind.get_ref().as_str());
    if let Some(written) = content_type
        && !(visible(kind) && kind.contains('/'))
    {
        judge.refuse::<_, ()>(written, "not a content type such as \"application/xml\"")?;
    }
    let (text, place) = match template.get_ref().strip_prefix("file:") {
        None => (template.get_ref().clone(), String::new()),
        Some(path) => match read(path) {
            Ok(text) => (text, format!("{path}: ")),
            Err(error) => return judge.refuse(&template, format!("can't read {path}: {error}")),
        },
    };
    match Transform::compile(&text, kind) {
        Ok(transform) => Some(Some(transform)),
        Err(
            error @ (NotATemplate::TooLong | NotATemplate::Syntax(..) | NotATemplate::Name(..)),
        ) => judge.refuse(&template, format!("{place}{error}")),
    }
}

/// A template's file, up to a little more than a template may have.
fn read(path: &str) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    let most = u64::try_from(TEMPLATE_MAX).unwrap_or(u64::MAX);
    std::fs::File::open(path)?.take(most.saturating_add(1)).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment};

    fn told(rest: &str) -> String {
        let text = format!("[destinations.crm]\nurl = \"https://crm.example.com/hooks\"\n{rest}\n");
        match Config::parse(&text, "c.toml", &Environment::default()) {
            Ok(config) => format!("{:?}", config.destinations[0].transform),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_transform_is_a_template_here_or_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("crm.json.j2");
        std::fs::write(&path, "{{ data.mesage }}").unwrap();
        let path = path.display();
        let table = [
            (String::new(), "None".to_owned()),
            (r#"transform = '{"a": {{ type }}}'"#.to_owned(), "Some(Transform(application/json))".to_owned()),
            (
                "transform = { template = \"<a>{{ type }}</a>\", content_type = \"text/xml\" }".to_owned(),
                "Some(Transform(text/xml))".to_owned(),
            ),
            (
                "[destinations.crm.transform]\ntemplate = \"{{ type }}\"".to_owned(),
                "Some(Transform(application/json))".to_owned(),
            ),
            (
                "transform = \"\"\"\n{\n  {% if type %}\n}\n\"\"\"".to_owned(),
                "c.toml:3: [destinations.crm] transform: line 2: unexpected end of input, expected end of block".to_owned(),
            ),
            (
                "transform = { template = \"{{ typ }}\" }".to_owned(),
                "c.toml:3: [destinations.crm] transform.template: there is no `typ`; did you mean `type`?".to_owned(),
            ),
            (
                format!("transform = 'file:{path}'"),
                format!("c.toml:3: [destinations.crm] transform: {path}: there is no `data.mesage`; did you mean `data.message`?"),
            ),
            (
                "transform = 'file:not/there.j2'".to_owned(),
                "c.toml:3: [destinations.crm] transform: can't read not/there.j2: No such file or directory (os error 2)".to_owned(),
            ),
            (
                "format = \"raw\"\ntransform = '{{ type }}'".to_owned(),
                "c.toml:3: [destinations.crm] format: a transform makes the body of the event: leave `format` out, or the transform".to_owned(),
            ),
            (
                "transform = { content_type = \"text/plain\" }".to_owned(),
                "c.toml:3: [destinations.crm] transform: lacks `template`, the text or `file:` and a path".to_owned(),
            ),
            (
                "transform = { template = '{{ type }}', content_type = \"json\" }".to_owned(),
                "c.toml:3: [destinations.crm] transform.content_type: not a content type such as \"application/xml\"".to_owned(),
            ),
            (
                "transform = { templat = '{{ type }}' }".to_owned(),
                "c.toml:3: [destinations.crm] transform: unknown key `templat`; did you mean `template`?".to_owned(),
            ),
            (
                "transform = 5".to_owned(),
                "c.toml:3: [destinations.crm] transform: expected a template in quotes, or a table".to_owned(),
            ),
        ];
        for (written, expected) in table {
            assert_eq!(told(&written), expected, "{written}");
        }
    }
}
