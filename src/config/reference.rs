//! The page with every key and its default. Its tests hold page and code together.

/// `config/reference.toml`, for `callbox` to show.
pub const REFERENCE: &str = include_str!("../../config/reference.toml");

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;

    use super::*;
    use crate::config::raw::{
        RawAnswer, RawApi, RawConfig, RawDestination, RawExpect, RawKey, RawMapping, RawQuota,
        RawRetention, RawScheme, RawServer, RawSource, RawStore, RawStuck, RawTransformTable,
    };
    use crate::config::{Config, Environment};

    /// The page with its examples switched on: every `# key = value` and `# [section]` without the `# `.
    fn with_examples() -> String {
        let switched = REFERENCE.lines().map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let is_key = bare.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
            let is_section = bare.starts_with('[') && bare.ends_with(']');
            if is_key || is_section { bare } else { line }
        });
        switched.collect::<Vec<_>>().join("\n").replace("NAME]", "name]")
    }

    /// The keys that a section knows: serde lists them when it meets one it does not know.
    fn keys_of<T: DeserializeOwned + Debug>() -> Vec<String> {
        let error = toml::from_str::<T>("no-such-key = 0").unwrap_err();
        let (_, known) = error.message().split_once("expected").unwrap();
        known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_key_stands_on_the_page_in_its_section() {
        let page = with_examples();
        let section = |header: &str| {
            let (_, rest) = page.split_once(&format!("\n{header}\n")).unwrap();
            rest.split("\n[").next().unwrap().to_owned()
        };
        let table = [
            ("[server]", keys_of::<RawServer>()),
            ("[api]", keys_of::<RawApi>()),
            ("[api.keys.name]", keys_of::<RawKey>()),
            ("[store]", keys_of::<RawStore>()),
            ("[store.retention]", keys_of::<RawRetention>()),
            ("[sources.example]", keys_of::<RawSource>()),
            ("[sources.example]", keys_of::<RawScheme>()),
            ("[sources.example]", keys_of::<RawAnswer>()),
            ("[sources.example]", keys_of::<RawQuota>()),
            ("[sources.example]", keys_of::<RawExpect>()),
            ("[sources.example]", keys_of::<RawStuck>()),
            ("[sources.parcelbot.mapping]", keys_of::<RawMapping>()),
            ("[destinations.example]", keys_of::<RawDestination>()),
            ("[destinations.example]", keys_of::<RawTransformTable>()),
        ];
        for (header, keys) in table {
            assert!(!keys.is_empty(), "{header}");
            for key in keys {
                let as_key = section(header).contains(&format!("{key} = "));
                let mut segments = header.trim_matches(['[', ']']).split('.');
                let family = format!("[{}.", segments.next().unwrap());
                let as_section = page.lines().any(|line| {
                    let path = line.strip_prefix(&family).and_then(|rest| rest.strip_suffix(']'));
                    path.is_some_and(|path| path.split('.').any(|segment| segment == key))
                });
                assert!(as_key || as_section, "{header} {key}");
            }
        }
        for key in keys_of::<RawConfig>() {
            assert!(page.contains(&format!("\n[{key}")), "{key}");
        }
    }

    #[test]
    fn the_defaults_on_the_page_are_the_defaults() {
        let bare = "[sources.example]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]
            [destinations.example]\nurl = \"https://example.com/hooks\"";
        let nothing = Environment::default();
        let parse = |text: &str| {
            let mut config = Config::parse(text, "c.toml", &nothing).unwrap();
            // How a source is written down is another way on the page, and means the same.
            config.sources.iter_mut().for_each(|source| source.written.clear());
            config
        };
        let (on_the_page, left_out) = (parse(REFERENCE), parse(bare));
        assert_eq!(format!("{on_the_page:#?}"), format!("{left_out:#?}"));
    }

    #[test]
    fn the_examples_are_taken() {
        Config::parse(&with_examples(), "reference.toml", &Environment::default()).unwrap();
    }
}
