//! Reading Rust well enough for the house rules: text without comments, words, and what a file uses of the crate.

/// One Rust file of the repository.
pub(crate) struct Source {
    /// Its path from the repository's root, with forward slashes.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// A word or sign of a file, and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// An identifier, `::`, one sign, or a literal's text in quotes.
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
}

impl Source {
    /// The room it stands in: `http` for `src/http/page.rs` and for `src/http.rs`; none for the crate's roots.
    pub(crate) fn layer(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (!matches!(name, "lib" | "main")).then_some(name)
    }

    /// Words and signs, comments left out.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        tokens(&self.text)
    }

    /// Words and signs of what is shipped: without comments and without what stands behind `#[cfg(test)]`.
    pub(crate) fn shipped_tokens(&self) -> Vec<Token> {
        if self.path.ends_with("/tests.rs") || self.path.ends_with("_tests.rs") {
            return Vec::new();
        }
        without_tests(&self.tokens())
    }

    /// The crate's modules that it uses, by `crate::…` or by enough `super::`, with the line of each use.
    pub(crate) fn uses(&self) -> Vec<(usize, String)> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let depth = inside.trim_end_matches("/mod").split('/').count();
        let tokens = self.tokens();
        let mut uses = Vec::new();
        let mut blocks = Vec::new(); // for each open brace: whether it is an inline module's
        let mut at = 0;
        while at < tokens.len() {
            match text(&tokens, at) {
                "{" => blocks.push(at >= 2 && text(&tokens, at - 2) == "mod"),
                "}" => drop(blocks.pop()),
                "crate" if text(&tokens, at + 1) == "::" => collect(&tokens, at + 2, &mut uses),
                "super" => {
                    let start = at;
                    while text(&tokens, at + 1) == "::" && text(&tokens, at + 2) == "super" {
                        at += 2;
                    }
                    let ups = (at - start) / 2 + 1;
                    let below_root = depth + blocks.iter().filter(|inline| **inline).count();
                    if ups >= below_root && text(&tokens, at + 1) == "::" {
                        collect(&tokens, at + 2, &mut uses);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        uses
    }
}

/// The lines on which a path such as `std::env` is named.
pub(crate) fn naming(path: &str, among: &[Token]) -> Vec<usize> {
    let wanted: Vec<String> = tokens(path).into_iter().map(|token| token.text).collect();
    let named = |window: &&[Token]| window.iter().map(|token| &token.text).eq(wanted.iter());
    among.windows(wanted.len()).filter(named).map(|window| window[0].line).collect()
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

/// The modules named right behind the crate's root: one, or those of a group `{a::b, c}`.
fn collect(tokens: &[Token], at: usize, uses: &mut Vec<(usize, String)>) {
    if text(tokens, at) != "{" {
        uses.extend(tokens.get(at).map(|token| (token.line, token.text.clone())));
        return;
    }
    let mut open = 0;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "{" => open += 1,
            "}" => open -= 1,
            name if open == 1 && matches!(text(tokens, place - 1), "{" | ",") => {
                uses.push((token.line, name.to_owned()));
            }
            _ => {}
        }
        if open == 0 {
            return;
        }
    }
}

/// Leaves out every item that stands behind `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
        if !attribute.iter().enumerate().all(|(ahead, sign)| text(tokens, at + ahead) == *sign) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut open = 0;
        while at < tokens.len() {
            let sign = text(tokens, at);
            open += i32::from(sign == "{") - i32::from(sign == "}");
            at += 1;
            if open == 0 && matches!(sign, "}" | ";") {
                break;
            }
        }
    }
    kept
}

/// Cuts a Rust text into words and signs. Literals are one token each; comments are none.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else {
            let length = literal(rest).unwrap_or_else(|| word_or_sign(rest));
            if !first.is_whitespace() {
                tokens.push(Token { text: rest[..length].to_owned(), line });
            }
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn word_or_sign(rest: &str) -> usize {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
    if word > 0 {
        word
    } else if rest.starts_with("::") {
        2
    } else {
        rest.chars().next().map_or(0, char::len_utf8)
    }
}

fn block_comment(rest: &str) -> usize {
    let mut open = 0;
    let mut at = 0;
    while at < rest.len() {
        let step = if rest[at..].starts_with("/*") {
            open += 1;
            2
        } else if rest[at..].starts_with("*/") {
            open -= 1;
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if open == 0 {
            break;
        }
    }
    at
}

/// The length of the string or character that `rest` begins with.
fn literal(rest: &str) -> Option<usize> {
    let prefix = rest.find(|letter| !matches!(letter, 'b' | 'c' | 'r')).filter(|at| *at <= 2)?;
    let body = &rest[prefix..];
    if rest[..prefix].ends_with('r') {
        let hashes = body.find(|letter| letter != '#')?;
        let inside = body[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(prefix + hashes + 1 + inside.find(&end)? + end.len());
    }
    let quote = body.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let mut letters = body.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            _ if letter == quote => return Some(prefix + at + 1),
            // A lifetime: no closing quote right behind its first letter.
            _ if quote == '\'' && !body[at + letter.len_utf8()..].starts_with('\'') => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn comments_are_no_words_and_literals_are_one() {
    let text = r##"use a::b; // c::d
        /* e /* f */ */ let x = "g::h \" i"; let y = r#"j"k"#; let z: &'a u8 = b'\''; "##;
    let words: Vec<String> = tokens(text).into_iter().map(|token| token.text).collect();
    let expected = [
        "use",
        "a",
        "::",
        "b",
        ";",
        "let",
        "x",
        "=",
        r#""g::h \" i""#,
        ";",
        "let",
        "y",
        "=",
        r##"r#"j"k"#"##,
        ";",
        "let",
        "z",
        ":",
        "&",
        "'",
        "a",
        "u8",
        "=",
        r"b'\''",
        ";",
    ];
    assert_eq!(words, expected);
}

#[test]
fn a_file_uses_what_stands_behind_crate_and_behind_enough_supers() {
    let text = "use crate::{clock::Time, domain::{id, name}};\nuse super::super::store;\n\
                fn f() { crate::vendor::find(\"crate::no\") }\nmod tests { use super::super::super::http; \
                use super::super::read; }\n#[cfg(test)] mod more { fn g() { crate::cli::run() } }";
    let source = Source { path: "src/vendor/one.rs".into(), text: text.into() };
    let uses: Vec<(usize, String)> = source.uses();
    let expected =
        [(1, "clock"), (1, "domain"), (2, "store"), (3, "vendor"), (4, "http"), (5, "cli")];
    assert_eq!(uses, expected.map(|(line, name)| (line, name.to_owned())));
    assert!(!source.shipped_tokens().iter().any(|token| token.text == "cli"));
}
