//! Where fixtures are: a file, a folder with all below it, or a pattern over paths for shells that expand none.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::fixture::FixtureError;

/// The deepest folder below a given one that is looked into; a link that leads back to its parent ends here.
const DEPTH_MAX: usize = 16;

/// The fixtures' files at `path`, sorted: the `.http` file itself, those of a folder and everything below it, or those that a
/// pattern fits, a pattern that fits a folder being as good as the folder.
pub fn find(path: &Path) -> Result<Vec<PathBuf>, FixtureError> {
    let io = |source| FixtureError::Io { path: path.to_owned(), source };
    let mut files = Vec::new();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => collect(path, 0, &mut files)?,
        Ok(_) if is_fixture(path) => return Ok(vec![path.to_owned()]),
        Ok(_) => return Err(FixtureError::NotAFixture(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_pattern(path) => {
            matching(path, &mut files)?;
        }
        Err(error) => return Err(io(error)),
    }
    files.sort();
    files.dedup();
    if files.is_empty() { Err(FixtureError::Empty(path.to_owned())) } else { Ok(files) }
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '[', '{'])
}

/// The fixtures that the pattern fits. `*` stays within a folder, `**` does not.
fn matching(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), FixtureError> {
    let mistake = |error: globset::Error| FixtureError::Pattern {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    };
    let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let glob = GlobBuilder::new(&plain.to_string_lossy()).literal_separator(true).build();
    let glob = glob.map_err(mistake)?.compile_matcher();
    // What comes before the first sign of a pattern is where the search begins.
    let fixed = plain.components().take_while(|part| !is_pattern(Path::new(part)));
    let begin: PathBuf = fixed.collect();
    let begin = if begin.as_os_str().is_empty() { PathBuf::from(".") } else { begin };
    if begin.is_dir() { walk(&begin, &glob, 0, files) } else { Ok(()) }
}

fn walk(
    folder: &Path,
    glob: &GlobMatcher,
    depth: usize,
    files: &mut Vec<PathBuf>,
) -> Result<(), FixtureError> {
    for path in entries(folder)? {
        let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
        if path.is_dir() {
            if glob.is_match(&path) {
                collect(&path, depth, files)?;
            } else if depth < DEPTH_MAX {
                walk(&path, glob, depth + 1, files)?;
            }
        } else if is_fixture(&path) && glob.is_match(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), FixtureError> {
    for path in entries(folder)? {
        if path.is_dir() {
            if depth < DEPTH_MAX {
                collect(&path, depth + 1, files)?;
            }
        } else if is_fixture(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, FixtureError> {
    let io = |source| FixtureError::Io { path: folder.to_owned(), source };
    let entries = fs::read_dir(folder).map_err(io)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(io)).collect()
}

fn is_fixture(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "http")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "POST /in/wavecell HTTP/1.1\n\n{}";

    #[test]
    fn folders_are_searched_below_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        assert!(matches!(find(folder.path()), Err(FixtureError::Empty(_))));
        fs::create_dir(path("wavecell")).unwrap();
        for name in ["wavecell/b.http", "wavecell/b.json", "a.http", "README.md"] {
            fs::write(path(name), REQUEST).unwrap();
        }
        assert_eq!(find(folder.path()).unwrap(), [path("a.http"), path("wavecell/b.http")]);
        assert_eq!(find(&path("a.http")).unwrap(), [path("a.http")]);
        assert!(matches!(find(&path("README.md")), Err(FixtureError::NotAFixture(_))));
        assert!(matches!(find(&path("gone")), Err(FixtureError::Io { .. })));
    }

    #[test]
    fn patterns_find_what_they_fit() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("one/deep")).unwrap();
        fs::create_dir(path("two")).unwrap();
        for name in ["one/sent.http", "one/sent.json", "one/deep/read.http", "two/sent_late.http"] {
            fs::write(path(name), REQUEST).unwrap();
        }
        let found = |pattern: &str| {
            let found = find(&path(pattern)).unwrap_or_default();
            let names = found.iter().map(|file| file.strip_prefix(folder.path()).unwrap());
            names.map(|name| name.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found("*/sent*.http"), "one/sent.http two/sent_late.http");
        assert_eq!(found("*/sent*"), "one/sent.http two/sent_late.http");
        assert_eq!(found("**/*.http"), "one/deep/read.http one/sent.http two/sent_late.http");
        assert_eq!(found("{one,none}"), "one/deep/read.http one/sent.http");
        assert_eq!(found("o?e/*.http"), "one/sent.http");
        assert!(matches!(find(&path("*/none")), Err(FixtureError::Empty(_))));
        assert!(matches!(find(&path("{one")), Err(FixtureError::Pattern { .. })));
    }
}
