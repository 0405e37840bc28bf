//! Reading what `strace` wrote: which calls a program made at its disk, in which order, and when it acknowledged what.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// What has to be traced, and how, for [`read`] to understand it: every text in hexadecimal and none cut short.
pub(crate) const ARGUMENTS: [&str; 8] = [
    "-f",
    "-qq",
    "-y",
    "-xx",
    "-s",
    "16777216",
    "-e",
    "trace=openat,pwrite64,write,writev,sendto,sendmsg,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat",
];

/// Something that happened, with the number of its line in the trace.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) line: usize,
    pub(crate) what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A file was opened with leave to make it.
    Made { name: String },
    /// Bytes were handed to the system; without `at` behind what the file had.
    Wrote { name: String, at: Option<usize>, bytes: Vec<u8> },
    /// A file was cut or stretched.
    Cut { name: String, length: usize },
    /// A file got another name.
    Renamed { from: String, to: String },
    /// A file's name was removed.
    Removed { name: String },
    /// All that had been written to the file before line `since` is on the disk.
    Synced { name: String, since: usize },
    /// All that had been done to the directory's names before line `since` is on the disk.
    SyncedNames { since: usize },
    /// A callback was answered 200.
    Acknowledged { callback: String },
}

/// A call as the trace tells it.
struct Call {
    began: usize,
    ended: usize,
    name: String,
    arguments: String,
    result: i64,
}

/// Everything that a traced program did to the files of this directory, and what it acknowledged, in order.
pub(crate) fn read(trace: &Path, directory: &Path) -> Vec<Moment> {
    let directory = directory.to_str().unwrap();
    let mut moments: Vec<Moment> =
        calls(trace).iter().flat_map(|call| understand(call, directory)).collect();
    moments.sort_by_key(|moment| moment.line);
    moments
}

/// The calls in a trace. One that another thread's interrupted stands in two lines; its beginning counts for what it does, its end
/// for what it promises.
fn calls(trace: &Path) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<String, (usize, String)> = HashMap::new();
    for (number, text) in BufReader::new(std::fs::File::open(trace).unwrap()).lines().enumerate() {
        let text = text.unwrap();
        let Some((thread, told)) = text.split_once(' ') else { continue };
        let told = told.trim_start();
        if let Some(opening) = told.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread.to_owned(), (number, opening.trim_end().to_owned()));
            continue;
        }
        let (began, whole) = match told.strip_prefix("<... ") {
            None => (number, told.to_owned()),
            Some(resumed) => {
                let Some((began, opening)) = unfinished.remove(thread) else { continue };
                let (_, rest) = resumed.split_once("resumed>").unwrap();
                (began, opening + rest)
            }
        };
        calls.extend(call(&whole, began, number));
    }
    // What was cut off by the end may have been done.
    for (began, opening) in unfinished.into_values() {
        calls.extend(call(&format!("{opening}) = 0"), began, usize::MAX));
    }
    calls
}

fn call(text: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let result = result.split([' ', '<']).next()?;
    // `?`: the program was killed in it, so it may have been done, but nothing was promised.
    let ended = if result == "?" { usize::MAX } else { ended };
    let result = if result == "?" { 0 } else { result.parse().ok()? };
    Some(Call { began, ended, name: name.to_owned(), arguments: arguments.to_owned(), result })
}

fn understand(call: &Call, directory: &str) -> Vec<Moment> {
    let at = |line, what| vec![Moment { line, what }];
    if call.result < 0 {
        return Vec::new();
    }
    let texts = texts(&call.arguments);
    let named = |number: usize| texts.get(number).and_then(|path| name_in(path, directory));
    let open = opened(&call.arguments);
    let file = open.as_ref().and_then(|path| name_in(path.as_bytes(), directory));
    match (call.name.as_str(), file) {
        ("openat", _) if call.arguments.contains("O_CREAT") => {
            named(0).map_or_else(Vec::new, |name| at(call.began, What::Made { name }))
        }
        ("pwrite64", Some(name)) => {
            let offset = numbers(&call.arguments)[1];
            let bytes = texts[0].clone();
            at(call.began, What::Wrote { name, at: Some(offset), bytes })
        }
        ("write", Some(name)) => {
            let bytes = texts[0].clone();
            at(call.began, What::Wrote { name, at: None, bytes })
        }
        ("ftruncate", Some(name)) => {
            at(call.began, What::Cut { name, length: numbers(&call.arguments)[0] })
        }
        ("fsync" | "fdatasync", Some(name)) if call.ended < usize::MAX => {
            at(call.ended, What::Synced { name, since: call.began })
        }
        ("fsync" | "fdatasync", None) if open.as_deref() == Some(directory) => {
            at(call.ended, What::SyncedNames { since: call.began })
        }
        ("rename" | "renameat" | "renameat2", _) => match (named(0), named(1)) {
            (Some(from), Some(to)) => at(call.began, What::Renamed { from, to }),
            _ => Vec::new(),
        },
        ("unlink" | "unlinkat", _) => {
            named(0).map_or_else(Vec::new, |name| at(call.began, What::Removed { name }))
        }
        ("sendto" | "sendmsg" | "write" | "writev", None) => {
            let callbacks = texts.iter().flat_map(|text| acknowledged(text));
            callbacks
                .map(|callback| Moment { line: call.began, what: What::Acknowledged { callback } })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The callbacks that an answer acknowledges.
fn acknowledged(answer: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(answer);
    let ids = text.match_indices("{\"callback\":\"").map(|(at, before)| &text[at + before.len()..]);
    ids.filter_map(|rest| rest.split_once('"')).map(|(id, _)| id.to_owned()).collect()
}

/// The texts among a call's arguments.
fn texts(arguments: &str) -> Vec<Vec<u8>> {
    arguments.split('"').skip(1).step_by(2).map(unhex).collect()
}

/// The numbers behind a call's first text, or behind its first argument if it has none.
fn numbers(arguments: &str) -> Vec<usize> {
    let (_, rest) = arguments.rsplit_once('"').or_else(|| arguments.split_once('>')).unwrap();
    let numbers = rest.split([',', ')', ' ']).filter(|text| !text.is_empty());
    numbers.filter_map(|text| text.parse().ok()).collect()
}

/// The path behind the descriptor that is a call's first argument.
fn opened(arguments: &str) -> Option<String> {
    let (first, _) = arguments.split_once('>')?;
    let (descriptor, path) = first.split_once('<')?;
    descriptor.parse::<i32>().ok()?;
    String::from_utf8(unhex(path)).ok()
}

/// The name of a file that stands in the directory itself.
fn name_in(path: &[u8], directory: &str) -> Option<String> {
    let path = std::str::from_utf8(path).ok()?;
    let name = path.strip_prefix(directory)?.strip_prefix('/')?;
    (!name.contains('/')).then(|| name.to_owned())
}

/// `\x61\x62` is `ab`.
fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split("\\x").collect();
    hex::decode(digits).unwrap()
}
