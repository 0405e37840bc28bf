//! A store full of messages of a few hundred thousand customers, written by the store's own steps in large groups.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use callbox::clock::{Clock, Time};
use callbox::domain::callback::{Callback, Head};
use callbox::domain::event::{
    Channel, Content, Data, Direction, Draft, EventType, MessageError, MessagePart, Party, Status,
    TimeBasis, When,
};
use callbox::domain::id::{CallbackId, EventId, IdMaker};
use callbox::domain::message::State;
use callbox::domain::name::Name;
use callbox::random::Random;
use callbox::store::sqlite::SqliteStore;
use callbox::store::{Intake, Kept, NewCallback, NewEvent, Upkeep};
use futures_util::stream::{self, StreamExt};
use sha2::{Digest, Sha256};

/// Callbacks that are on their way to the store at a time.
const AT_ONCE: usize = 512;

/// Events in one callback.
const EACH: u64 = 10;

/// Of so many messages a second the past is made.
const A_SECOND: u64 = 20;

/// Words of which the texts are made; the later, the rarer.
const WORDS: [&str; 24] = [
    "pesanan",
    "saya",
    "belum",
    "sampai",
    "terima",
    "kasih",
    "order",
    "late",
    "please",
    "kapan",
    "pembayaran",
    "refund",
    "退款",
    "谢谢",
    "kettle",
    "invoice",
    "alamat",
    "delivery",
    "الكتاب",
    "tracking",
    "stock",
    "cancel",
    "barley",
    "zanzibar",
];

/// Fills the store, and brings its indexes up to date.
pub(crate) fn fill(path: &Path, clock: &Arc<dyn Clock>, events: u64) -> Result<(), Box<dyn Error>> {
    let random = Random::from_seed(1);
    let store = SqliteStore::open(path, clock, &random)?;
    let ids = IdMaker::new(Random::from_seed(2));
    let source: Name = "bench".parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    let start = clock.elapsed();
    let now = clock.now();
    runtime.block_on(async {
        let callbacks = events / EACH;
        let mut appends = stream::iter(0..callbacks)
            .map(|number| store.append(callback(number, callbacks, now, &ids, &source)))
            .buffer_unordered(AT_ONCE);
        while let Some(appended) = appends.next().await {
            appended?;
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    let filled = clock.elapsed().saturating_sub(start);
    runtime.block_on(async {
        while store.index(true, 2_000).await?.more {}
        Ok::<(), Box<dyn Error>>(())
    })?;
    let indexed = clock.elapsed().saturating_sub(start).saturating_sub(filled);
    runtime.block_on(store.close())?;
    println!("{events} events kept in {filled:.0?}, and made findable in {indexed:.0?}");
    Ok(())
}

/// Ten events of three messages: one that was received, one that was sent and read, one that failed or is on its way still.
fn callback(number: u64, callbacks: u64, now: Time, ids: &IdMaker, source: &Name) -> NewCallback {
    let age = (callbacks - number) * 3 / A_SECOND;
    let at = now.before(std::time::Duration::from_secs(age + 1));
    let [one, two, three] = [number * 3, number * 3 + 1, number * 3 + 2];
    let last =
        if number.is_multiple_of(20) { EventType::MessageFailed } else { EventType::MessageSent };
    let kinds = [
        (one, EventType::MessageReceived),
        (two, EventType::MessageAccepted),
        (two, EventType::MessageQueued),
        (two, EventType::MessageSent),
        (two, EventType::MessageDelivered),
        (two, EventType::MessageRead),
        (three, EventType::MessageAccepted),
        (three, EventType::MessageQueued),
        (three, last),
        (three, if number.is_multiple_of(4) { last } else { EventType::MessageDelivered }),
    ];
    let events = kinds
        .iter()
        .zip(0_u8..)
        .map(|((message, kind), place)| event(*message, *kind, place, at, ids));
    let head = Head {
        method: "POST".to_owned(),
        path: "/in/bench".to_owned(),
        query: String::new(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        token: None,
        remote: None,
    };
    let callback = Callback {
        id: CallbackId::from_bits(ids.next(at)),
        source: source.clone(),
        received_at: at,
        head,
        body: Bytes::from(vec![b'x'; 1_200]),
    };
    NewCallback {
        callback,
        token_hash: None,
        kept: Kept::Events(events.collect()),
        drift: Vec::new(),
    }
}

fn event(message: u64, kind: EventType, place: u8, at: Time, ids: &IdMaker) -> NewEvent {
    let customer = message.wrapping_mul(2_654_435_761) % 300_000;
    let phone = format!("+1202{customer:07}");
    let ours = Party { phone: Some("+12025550100".to_owned()), ..Party::default() };
    let theirs = Party { phone: Some(phone.clone()), ..Party::default() };
    let inbound = kind == EventType::MessageReceived;
    let mut part = MessagePart {
        id: format!("{message:08x}-ecd8-4d2e-b9e1"),
        conversation: Some(phone),
        ..MessagePart::default()
    };
    if inbound {
        let name = Some(format!("Customer {customer}"));
        part.from = Some(Party { name, ..theirs });
        part.to = Some(ours);
        part.content = Some(Content {
            kind: "text".to_owned(),
            text: Some(text(message)),
            ..Content::default()
        });
    } else {
        part.client_ref = Some(format!("km-{message}"));
        part.from = Some(ours);
        part.to = Some(theirs);
        part.status = Some(Status {
            state: kind.state(),
            vendor_state: kind.state().map(|state| state.as_str().to_owned()),
            vendor_detail: None,
        });
    }
    if kind.state() == Some(State::Failed) {
        part.error = Some(MessageError {
            code: Some("1022".to_owned()),
            reason: Some("Message window expired".to_owned()),
            ..MessageError::default()
        });
    }
    let data = Data {
        vendor: "wavecell".to_owned(),
        dialect: "bench.v1".to_owned(),
        channel: Some(Channel::Whatsapp),
        direction: Some(if inbound { Direction::Inbound } else { Direction::Outbound }),
        message: Some(part),
        ..Data::default()
    };
    let json = serde_json::to_string(&data).unwrap_or_default();
    let digest = Sha256::digest(format!("{message}:{place}"));
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(byte, other)| *byte = other);
    NewEvent {
        id: EventId::from_bits(ids.next(at)),
        data: json,
        extra: None,
        draft: Draft {
            kind,
            subject: data.message.as_ref().map(|message| message.id.clone()),
            when: When { at, basis: TimeBasis::Vendor },
            duplicate_key: String::new(),
            data,
        },
        key,
        digest: key,
        deliveries: Vec::new(),
    }
}

/// A dozen words; each is half as frequent as the one before it in the list, give or take, and the last is in one of thousands.
fn text(message: u64) -> String {
    let mut seed = message.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..12).filter_map(|_| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let rare =
            usize::try_from(seed.trailing_zeros() * 2 + u32::from(seed & 64 == 0)).unwrap_or(0);
        WORDS.get(rare.min(WORDS.len() - 1)).copied()
    });
    words.collect::<Vec<_>>().join(" ")
}
