//! The fixtures of one run, and which of them have to go before which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::find::find;
use super::fixture::{Fixture, FixtureError, load};

/// The fixtures of one run, with those that they go after.
#[derive(Debug, Default)]
pub struct Collection {
    chosen: Vec<PathBuf>,
    known: BTreeMap<PathBuf, Arc<Fixture>>,
    broken: Vec<FixtureError>,
}

impl Collection {
    /// The fixtures at these paths, each once, and the ones that they go after.
    ///
    /// # Errors
    /// When a path is not a fixture, or a folder without any. A fixture that is broken is no error: it is in [`Self::broken`].
    pub fn load(paths: &[PathBuf]) -> Result<Self, FixtureError> {
        let mut files = BTreeSet::new();
        for path in paths {
            files.extend(find(path)?);
        }
        let mut collection = Self::default();
        for file in files {
            match load(&file) {
                Ok(fixture) => collection.choose(fixture),
                Err(error) => collection.broken.push(error),
            }
        }
        collection.load_predecessors();
        Ok(collection)
    }

    /// These fixtures; each names only others among them in `after`.
    #[must_use]
    pub fn of(fixtures: Vec<Fixture>) -> Self {
        let mut collection = Self::default();
        for fixture in fixtures {
            collection.choose(fixture);
        }
        collection
    }

    /// The fixtures that were asked for, by path.
    pub fn chosen(&self) -> impl Iterator<Item = &Arc<Fixture>> {
        self.chosen.iter().filter_map(|path| self.known.get(path))
    }

    /// The fixtures that were asked for, but can't be used.
    #[must_use]
    pub fn broken(&self) -> &[FixtureError] {
        &self.broken
    }

    /// Whether the fixture was asked for, and not only by another one's `after`.
    #[must_use]
    pub fn is_chosen(&self, fixture: &Fixture) -> bool {
        self.chosen.contains(&fixture.path)
    }

    /// What goes before `fixture`, each once, in the order of sending, and at last the fixture itself.
    pub fn chain(&self, fixture: &Arc<Fixture>) -> Result<Vec<Arc<Fixture>>, FixtureError> {
        let mut chain = Vec::new();
        self.follow(fixture, &mut Vec::new(), &mut chain)?;
        Ok(chain)
    }

    fn choose(&mut self, fixture: Fixture) {
        self.chosen.push(fixture.path.clone());
        self.known.insert(fixture.path.clone(), Arc::new(fixture));
    }

    /// Loads what is named in `after` and was not chosen. What can't be found is noticed when its chain is asked for.
    fn load_predecessors(&mut self) {
        let mut open: Vec<PathBuf> = self.known.values().flat_map(predecessors).collect();
        while let Some(path) = open.pop() {
            if self.known.contains_key(&path) {
                continue;
            }
            if let Ok(fixture) = load(&path) {
                let fixture = Arc::new(fixture);
                open.extend(predecessors(&fixture));
                self.known.insert(path, fixture);
            }
        }
    }

    /// Adds `fixture` to `chain`, behind everything that goes before it. `way` is how we came here.
    fn follow(
        &self,
        fixture: &Arc<Fixture>,
        way: &mut Vec<PathBuf>,
        chain: &mut Vec<Arc<Fixture>>,
    ) -> Result<(), FixtureError> {
        if chain.iter().any(|done| done.path == fixture.path) {
            return Ok(());
        }
        if way.contains(&fixture.path) {
            return Err(FixtureError::Circle(fixture.path.clone()));
        }
        way.push(fixture.path.clone());
        for path in predecessors(fixture) {
            let Some(before) = self.known.get(&path) else {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                return Err(FixtureError::Before { path: fixture.path.clone(), name });
            };
            self.follow(before, way, chain)?;
        }
        way.pop();
        chain.push(Arc::clone(fixture));
        Ok(())
    }
}

/// Where the fixtures stand that `fixture` goes after.
fn predecessors(fixture: &Arc<Fixture>) -> Vec<PathBuf> {
    let folder = fixture.path.parent().unwrap_or(Path::new(""));
    let names = fixture.expectation.iter().flat_map(|expectation| &expectation.after);
    names.map(|name| folder.join(format!("{name}.http"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::fixture::parse;

    fn fixture(name: &str, after: &str) -> Fixture {
        let path = PathBuf::from(format!("wavecell/{name}.http"));
        let json = format!(r#"{{ "after": [{after}] }}"#);
        parse(&path, &"POST /in/wavecell HTTP/1.1\n\n".into(), Some(json.as_bytes())).unwrap()
    }

    fn chain_of(name: &str, fixtures: Vec<Fixture>) -> Result<String, String> {
        let collection = Collection::of(fixtures);
        let fixture = collection.chosen().find(|fixture| fixture.name == name).unwrap();
        let chain = collection.chain(fixture).map_err(|error| error.to_string())?;
        Ok(chain.iter().map(|fixture| fixture.name.as_str()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn each_fixture_goes_once_and_behind_those_it_names() {
        let fixtures = vec![
            fixture("read", r#""sent", "delivered""#),
            fixture("delivered", r#""sent""#),
            fixture("sent", ""),
            fixture("other", ""),
        ];
        assert_eq!(chain_of("read", fixtures), Ok("sent delivered read".to_owned()));
    }

    #[test]
    fn what_goes_after_nothing_or_after_itself_is_refused() {
        let missing = chain_of("a", vec![fixture("a", r#""b""#)]).unwrap_err();
        assert!(missing.contains("wavecell/a.http") && missing.contains("`b`"), "{missing}");
        let circle = vec![fixture("a", r#""b""#), fixture("b", r#""a""#)];
        assert!(chain_of("a", circle).unwrap_err().contains("leads back"));
    }
}
