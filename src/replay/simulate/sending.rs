//! The vendor's side of a simulation: each callback is pushed until it is taken, by the vendor's own schedule of tries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;

use super::story::{Moment, Script, Sending};
use super::verdict::Account;
use crate::clock::{Clock, Time};
use crate::random::Random;
use crate::replay::client::Client;
use crate::replay::request::Request;
use crate::replay::route::Routes;
use crate::replay::run::Pace;
use crate::vendor::habits::{Habits, Scene};

/// The part by which a vendor's waits are longer or shorter than it says.
const JITTER: f64 = 0.2;

/// Names and texts of people who are nobody.
const NAMES: [&str; 6] = ["Ines", "Noor", "Tomás", "Yuki", "Ada", "Zoë"];
const TEXTS: [&str; 6] = [
    "Is the blue kettle back?",
    "Your order is on its way 🚚",
    "Terima kasih, sudah sampai.",
    "Can I still change the address?",
    "It is back on Friday.",
    "شكرا جزيلا",
];

/// A vendor that pushes.
#[derive(Debug)]
pub struct Vendor<'a> {
    /// How it behaves.
    pub habits: Habits,
    /// The client of the server that it pushes to.
    pub client: &'a Client,
    /// How its callbacks reach their source.
    pub routes: &'a Routes,
    /// The source's name.
    pub source: &'a str,
    /// The number of the run, which is in every id.
    pub run: u32,
    /// When the simulation began.
    pub begun: Time,
    /// How many times faster than the vendor's own its schedule of tries is.
    pub hurry: f64,
    /// How many callbacks go out at the same time.
    pub concurrency: usize,
    /// How fast they go out.
    pub pace: Pace,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// By how much waits differ.
    pub random: Random,
    /// What came of it until now.
    pub tally: Tally,
}

/// What came of the pushing.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests that were answered 2xx.
    pub taken: AtomicUsize,
    /// Further tries.
    pub retries: AtomicUsize,
    /// Callbacks that the vendor gave up.
    pub given_up: AtomicUsize,
    /// By message, what was acknowledged.
    accounts: Mutex<BTreeMap<u32, Account>>,
    /// The first reasons for giving up.
    reasons: Mutex<Vec<String>>,
}

/// The most reasons that are kept.
const REASONS_MAX: usize = 5;

impl Tally {
    /// By the message's id, what was acknowledged of it.
    #[must_use]
    pub fn accounts(&self, id: impl Fn(u32) -> String) -> BTreeMap<String, Account> {
        self.accounts.lock().iter().map(|(message, account)| (id(*message), *account)).collect()
    }

    /// Why callbacks were given up: the first reasons.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        self.reasons.lock().clone()
    }
}

impl Vendor<'_> {
    /// The id of a message.
    #[must_use]
    pub fn id(&self, message: u32) -> String {
        (self.habits.id)(self.run, message)
    }

    /// Pushes everything; `progress` hears of each callback that has ended.
    pub async fn push_all(&self, script: &Script, progress: &(dyn Fn() + Sync)) {
        stream::iter(&script.sendings)
            .for_each_concurrent(self.concurrency, |sending| async move {
                self.pace.wait().await;
                let taken = self.push(*sending).await;
                self.note(*sending, taken);
                progress();
            })
            .await;
    }

    fn note(&self, sending: Sending, taken: bool) {
        let mut accounts = self.tally.accounts.lock();
        let account = accounts.entry(sending.message).or_default();
        if taken {
            account.acknowledged = account.acknowledged.and(sending.moment);
        } else {
            account.uncertain = account.uncertain.and(sending.moment);
        }
    }

    /// Pushes one callback until it is taken or given up.
    async fn push(&self, sending: Sending) -> bool {
        let request = self.request(sending);
        let mut waits = self.habits.retries.iter();
        loop {
            let routed = self.routes.address(self.source, &request, self.clock.now());
            let reason = match routed {
                Ok(routed) => match self.client.push(&routed).await {
                    Ok(answer) if (200..300).contains(&answer.status) => {
                        self.tally.taken.fetch_add(1, Ordering::Relaxed);
                        return true;
                    }
                    Ok(answer) if self.habits.gives_up_on.contains(&answer.status) => {
                        return self.give_up(format!("answered {}", answer.status));
                    }
                    Ok(answer) => format!("answered {}", answer.status),
                    Err(error) => error.to_string(),
                },
                Err(reason) => return self.give_up(reason),
            };
            let Some(wait) = waits.next() else { return self.give_up(reason) };
            self.tally.retries.fetch_add(1, Ordering::Relaxed);
            let wait = self.random.jitter(*wait, JITTER).div_f64(self.hurry);
            self.clock.sleep(wait).await;
        }
    }

    fn give_up(&self, reason: String) -> bool {
        self.tally.given_up.fetch_add(1, Ordering::Relaxed);
        let mut reasons = self.tally.reasons.lock();
        if reasons.len() < REASONS_MAX {
            reasons.push(reason);
        }
        false
    }

    /// The callback. A copy is the same, byte for byte: its time is that of its moment.
    fn request(&self, sending: Sending) -> Request {
        let number = sending.message;
        let pick = usize::try_from(number).unwrap_or_default();
        let step = match sending.moment {
            Moment::Received => 0,
            Moment::Reached(state) => state as u64,
        };
        let after = Duration::from_secs(u64::from(number % 600) + 20 * step);
        let scene = Scene {
            id: self.id(number),
            // A range that is kept for stories: +44 7700 900000 to 900999.
            phone: format!("447700900{:03}", number % 1_000),
            name: NAMES.get(pick % NAMES.len()).copied().unwrap_or_default(),
            text: TEXTS.get(pick % TEXTS.len()).copied().unwrap_or_default(),
            at: self.begun.before(Duration::from_mins(15)).after(after),
        };
        let push = match sending.moment {
            Moment::Received => (self.habits.received)(&scene),
            Moment::Reached(state) => (self.habits.reported)(&scene, state),
        };
        Request {
            method: "POST".to_owned(),
            target: format!("/in/{}", self.source),
            headers: vec![("Content-Type".to_owned(), push.content_type.to_owned())],
            body: push.body.into(),
        }
    }
}
