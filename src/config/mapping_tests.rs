//! What a mapping is refused for, and how that is told.

use std::fmt::Write;

use crate::config::{Config, Environment};
use crate::domain::mapping::{Field, Meaning, Place};
use crate::domain::message::State;

const SOURCE: &str = "[sources.bot]\nvendor = \"generic\"\nauth = [{ type = \"none\" }]\n";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, "c.toml", &Environment::default()).map_err(|error| error.to_string())
}

#[test]
fn everything_that_a_mapping_can_say_is_read() {
    let text = format!(
        "{SOURCE}[sources.bot.mapping]
        each = \"/events\"
        takes_get = true
        type = [\"/kind\", \"text:message.received\"]
        types = {{ \"MSG.Status\" = \"message.status\", \"*\" = \"unknown\" }}
        id = \"/id\"
        status = \"header:X-State\"
        statuses = {{ DLVRD = \"delivered\", 8 = \"sent\" }}
        time_format = \"%d/%m/%Y %H:%M\"
        duplicate_key = \"{{id}}:{{status}}\""
    );
    let config = parse(&text).unwrap();
    let mapping = config.sources[0].reading.mapping.clone().unwrap();
    assert!(mapping.takes_get && mapping.each.is_some() && mapping.duplicate_key.is_some());
    let types = [
        ("message.received".to_owned(), Meaning::parse("message.received").unwrap()),
        ("msg.status".to_owned(), Meaning::Receipt),
    ];
    assert_eq!(mapping.types, types.into());
    assert_eq!(mapping.other_types, Meaning::parse("unknown"));
    let statuses = [("8".to_owned(), State::Sent), ("dlvrd".to_owned(), State::Delivered)];
    assert_eq!(mapping.statuses, statuses.into());
    assert_eq!(mapping.places(Field::Status), [Place::Header("x-state".to_owned())]);
    assert_eq!(config.sources[0].max_body, 1 << 20);
}

#[test]
fn a_mapping_belongs_to_the_vendor_that_needs_it_and_to_no_other() {
    let without = parse(SOURCE).unwrap_err();
    assert!(
        without.starts_with("c.toml:1: [sources.bot] lacks [sources.bot.mapping]"),
        "{without}"
    );
    let other = SOURCE.replace("generic", "wachat") + "[sources.bot.mapping]\nid = \"/id\"";
    let told = parse(&other).unwrap_err();
    assert!(told.contains("is for the vendor `generic`: `wachat` knows"), "{told}");
}

#[test]
fn mistakes_are_told_with_their_line_their_key_and_the_nearest_right_word() {
    let right = "type = \"text:message.received\"\nid = \"/id\"\n";
    let table = [
        ("id = \"/id\"", "c.toml:1: [sources.bot] mapping lacks `type`"),
        ("type = \"text:message.received\"", "mapping lacks `id`"),
        ("type = \"text:message.status\"\nid = \"/id\"", "mapping lacks `status`"),
        ("type = \"/t\"\ntypes = { a = \"message.status\" }\nid = \"/id\"", "lacks `status`"),
        ("type = \"/kind\"\nid = \"/id\"", "c.toml:5: [sources.bot] mapping.type: nothing says"),
        ("type = \"text:sms\"\nid = \"/id\"", "neither in `types` nor a type of event"),
        ("type = \"/t\"\ntypes = { a = \"message.recieved\" }", "did you mean `message.received`?"),
        ("type = \"/t\"\ntypes = { a = \"callbox.disk.low\" }", "is not a type of event"),
        ("type = \"/t\"\ntypes = { a = \"unknown\", A = \"unknown\" }", "is there twice"),
        ("type = \"/t\"\nid = \"id\"", "mapping.id: `id` is not a place such as \"/data/id\""),
        ("type = \"/t\"\nid = [\"/id\", \"frm:id\"]", "mapping.id[1]: `frm:id` is not a place"),
        ("type = \"/t\"\nid = []", "mapping.id: names no place"),
        ("type = \"/t\"\nid = 5", "expected a place in quotes, or a list of places"),
        ("type = \"/t\"\nid = \"header:a b\"", "needs the name of a header"),
        ("idd = \"/id\"", "unknown key `idd`; did you mean `id`?"),
        ("@status = \"/s\"\nstatuses = { a = \"deliverd\" }", "did you mean `delivered`?"),
        ("@statuses = { a = \"delivered\" }", "mapping lacks `status`"),
        ("@status = \"/s\"\nstatuses = { \"*\" = \"sent\" }", "is never guessed"),
        ("@channel = \"text:smss\"", "there is no channel `smss`; did you mean `sms`?"),
        ("@each = \"events\"", "mapping.each: not a JSON Pointer"),
        ("@time_format = \"%Q\"", "not a pattern with date and time"),
        ("@time_format = \"%H:%M\"", "not a pattern with date and time"),
        ("@duplicate_key = \"{idd}\"", "there is no field `idd`; did you mean `id`?"),
        ("@duplicate_key = \"{id}:{status}\"", "`status` has no place in this mapping"),
        ("@duplicate_key = \"id\"", "every event would be the same"),
    ];
    let mut missed = String::new();
    for (text, sentence) in table {
        let mapping = text.replace('@', right);
        let told = parse(&format!("{SOURCE}[sources.bot.mapping]\n{mapping}"));
        let told = told.err().unwrap_or_default();
        if !told.contains(sentence) {
            writeln!(missed, "{text}\n-> {told}\nlacks {sentence}\n").unwrap();
        }
    }
    assert_eq!(missed, "");
}
