//! The questions: what is asked, and the bare SQL that reads the same rows.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;

use callbox::clock::{Clock, SystemClock};
use callbox::domain::id::EventId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use crate::ask::{Line, Took};

/// Times that each is asked.
const TIMES: usize = 300;

/// Things that are asked for by name: so many different ones in turn.
const SAMPLES: i64 = 100;

/// A kind of question.
pub(crate) struct Question {
    name: &'static str,
    /// What is asked, in turn.
    targets: Vec<String>,
    /// The bare SQL, and what is bound in turn; none where no single statement answers it.
    bare: Option<(&'static str, Vec<Vec<Value>>)>,
}

impl Question {
    fn new(name: &'static str, targets: Vec<String>) -> Self {
        Self { name, targets, bare: None }
    }

    fn beside(self, sql: &'static str, values: Vec<Vec<Value>>) -> Self {
        Self { bare: Some((sql, values)), ..self }
    }

    /// Asks, and prints a line of the table.
    pub(crate) fn measure(&self, api: SocketAddr, path: &Path) -> Result<(), Box<dyn Error>> {
        let clock = SystemClock::new();
        let (mut line, mut took, mut bytes) = (Line::open(api)?, Took::default(), 0);
        for target in self.targets.iter().cycle().take(TIMES) {
            let start = clock.elapsed();
            bytes = line.ask("GET", target, "")?;
            took.add(clock.elapsed().saturating_sub(start));
        }
        print!("{:<34} {:>9.2} {:>9.2}", self.name, took.percentile(50), took.percentile(99));
        let Some((sql, values)) = &self.bare else {
            println!("{:>33}  ({bytes} bytes)", "");
            return Ok(());
        };
        let connection = open(path)?;
        let (mut statement, mut bare) = (connection.prepare(sql)?, Took::default());
        for values in values.iter().cycle().take(TIMES) {
            let start = clock.elapsed();
            let mut rows = statement.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                std::hint::black_box(row.get_ref(0)?.as_str_or_null()?);
            }
            drop(rows);
            bare.add(clock.elapsed().saturating_sub(start));
        }
        let ratio = took.percentile(50) / bare.percentile(50);
        println!(
            "  {:>9.2} {:>9.2}  {ratio:>5.1} times  ({bytes} bytes)",
            bare.percentile(50),
            bare.percentile(99)
        );
        Ok(())
    }
}

fn open(path: &Path) -> Result<Connection, rusqlite::Error> {
    Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

/// The statement that reads what a page of one event after the other does.
const PAGE: &str = "SELECT data FROM event ORDER BY sequence DESC LIMIT 50";

/// Every kind of question, about what is in this store.
#[expect(clippy::too_many_lines, reason = "it is the list")]
pub(crate) fn of(path: &Path) -> Result<Vec<Question>, Box<dyn Error>> {
    let connection = open(path)?;
    let newest: i64 =
        connection.query_row("SELECT max(sequence) FROM event", [], |row| row.get(0))?;
    let step = (newest / SAMPLES).max(1);
    let mut find = connection.prepare(
        "SELECT e.uid, m.message_id, m.conversation, e.message FROM event AS e JOIN message AS m ON m.id = e.message WHERE e.sequence = ?1",
    )?;
    let (mut events, mut messages, mut conversations) = (Vec::new(), Vec::new(), Vec::new());
    let (mut uids, mut rows, mut phones) = (Vec::new(), Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        let sequence = sample * step + 1;
        let found = find.query_row([sequence], |row| {
            Ok((
                row.get::<_, [u8; 16]>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?,
            ))
        });
        let Ok((uid, id, conversation, row)) = found else { continue };
        let encoded = utf8_percent_encode(&conversation, NON_ALPHANUMERIC).to_string();
        events.push(format!("/v1/events/{}", EventId::from_bytes(uid)));
        messages.push(format!("/v1/messages/bench/{id}"));
        conversations.push(format!("/v1/conversations/bench/{encoded}"));
        uids.push(vec![Value::Blob(uid.to_vec())]);
        rows.push(vec![Value::Integer(row)]);
        phones.push((encoded, vec![Value::Text(conversation)]));
    }
    let by_phone = |path: &str| -> Vec<String> {
        phones.iter().map(|(phone, _)| format!("{path}?phone={phone}")).collect()
    };
    let in_conversation = |path: &str| -> Vec<String> {
        phones.iter().map(|(phone, _)| format!("{path}?conversation={phone}")).collect()
    };
    let one = |target: &str| vec![target.to_owned()];
    let (by_conversation, nothing) =
        (phones.iter().map(|(_, values)| values.clone()).collect(), vec![Vec::new()]);
    let words =
        |words: &str| format!("/v1/events?q={}", utf8_percent_encode(words, NON_ALPHANUMERIC));
    Ok(vec![
        Question::new("event by id", events).beside("SELECT data FROM event WHERE uid = ?1", uids),
        Question::new("message with its story", messages).beside("SELECT data FROM event WHERE message = ?1", rows),
        Question::new("conversation", conversations).beside(
            "SELECT e.data FROM message AS m CROSS JOIN event AS e ON e.message = m.id WHERE m.conversation = ?1
             ORDER BY e.sequence LIMIT 50",
            by_conversation,
        ),
        Question::new("newest events", one("/v1/events")).beside(PAGE, nothing.clone()),
        Question::new("200 newest events", one("/v1/events?limit=200")),
        Question::new("events by type and source", one("/v1/events?type=message.read&source=bench")).beside(
            "SELECT data FROM event WHERE type = 'message.read' AND source = 'bench' ORDER BY sequence DESC LIMIT 50",
            nothing.clone(),
        ),
        Question::new("failures", one("/v1/events?state=failed")),
        Question::new("a type that never came", one("/v1/events?type=account.disconnected")),
        Question::new("a source that never came", one("/v1/events?source=nobody")),
        Question::new("events by phone", by_phone("/v1/events")),
        Question::new("events of our own phone", one("/v1/events?phone=12025550100")),
        Question::new("events by reference", one("/v1/events?client_ref=km-300001")),
        Question::new("events by channel and direction", one("/v1/events?channel=whatsapp&direction=inbound")),
        Question::new("words: a common one", one(&words("pesanan"))),
        Question::new("words: part of one, in few", one(&words("anzib"))),
        Question::new("words: two together", one(&words("退款 refund"))),
        Question::new("words: a reason of failures", one(&words("window expired"))),
        Question::new("words: a part of a number", one(&words("0012345"))),
        Question::new("words: nowhere", one(&words("quetzalcoatl"))),
        Question::new("messages", one("/v1/messages")).beside("SELECT folded FROM message ORDER BY id DESC LIMIT 50", nothing.clone()),
        Question::new("messages that failed", one("/v1/messages?state=failed")),
        Question::new("stuck messages", one("/v1/messages?stuck_for=10m")),
        Question::new("messages by phone", by_phone("/v1/messages")),
        Question::new("messages of a conversation", in_conversation("/v1/messages")),
        Question::new("events of a conversation", in_conversation("/v1/events")),
        Question::new("contradictory messages", one("/v1/messages?contradictory=true")),
        Question::new("messages by reference", one("/v1/messages?client_ref=km-300001")),
        Question::new("messages heard of lately", one("/v1/messages?since=2020-01-01T00:00:00Z&direction=inbound")),
        Question::new("deliveries", one("/v1/deliveries")),
        Question::new("callbacks", one("/v1/callbacks")).beside("SELECT headers FROM callback ORDER BY id DESC LIMIT 50", nothing),
    ])
}
