//! URLs in the configuration, judged as they were written: the parser behind would silently repair what must be refused.

use url::Url;

use super::judge::Judge;
use super::raw::Text;
use crate::domain::address::check_url;

/// An `http` or `https` URL without anything that two readers could understand in two ways.
pub(super) fn web_url(text: &Text, judge: &mut Judge<'_>) -> Option<Url> {
    if let Some(reason) = objection(text.get_ref()) {
        return judge.refuse(text, reason);
    }
    match Url::parse(text.get_ref()) {
        Ok(url) if url.host().is_some() && url.port() != Some(0) => Some(url),
        Ok(_) => judge.refuse(text, "the URL names no host, or port 0"),
        Err(error) => judge.refuse(text, format!("not a URL: {error}")),
    }
}

/// A destination's URL: what the sender takes, and nothing that is never sent.
pub(super) fn destination_url(text: &Text, judge: &mut Judge<'_>) -> Option<Url> {
    let url = web_url(text, judge)?;
    match check_url(text.get_ref()) {
        Ok(_) => Some(url),
        Err(error) => judge.refuse(text, error),
    }
}

/// What is wrong with a URL that parsing might not see. Never repeats the URL, which may hold a secret.
fn objection(written: &str) -> Option<&'static str> {
    let lower = written.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"))
    else {
        return Some("the URL has to begin with http:// or https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let table = [
        (
            written.chars().any(|letter| letter.is_control() || letter.is_whitespace()),
            "the URL holds a space or a control character",
        ),
        (written.contains('\\'), "the URL holds a backslash"),
        (written.contains('#'), "the URL has a part behind `#`, which is never sent"),
        (authority.is_empty(), "the URL names no host"),
        (authority.contains('@'), "the URL holds a user name or password; use `headers`"),
        (authority.contains('%'), "the URL's host holds a percent sign"),
        (!authority.is_ascii(), "the URL's host holds letters beyond ASCII; write its xn-- form"),
    ];
    table.into_iter().find_map(|(wrong, reason)| wrong.then_some(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_would_repair_is_refused_before() {
        for bad in [
            "ftp://example.com",
            "http:127.0.0.1",
            "//example.com/x",
            "http:///x",
            "https://exa\nmple.com/",
            "https://example.com/ x",
            "https://user@example.com/",
            "https://user:word@example.com/",
            "https://example.com\\@example.net/",
            "https://ex%61mple.com/",
            "https://exämple.com/",
            "https://example.com/#x",
            " https://example.com/",
        ] {
            assert!(objection(bad).is_some(), "{bad:?}");
        }
        for good in ["https://example.com/hooks?a=b@c%20", "http://127.0.0.1:9000", "HTTP://[::1]/"]
        {
            assert_eq!(objection(good), None, "{good}");
        }
    }
}
