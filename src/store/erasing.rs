//! Carrying erasures out, beside the load: finding out what a person is known by, removing it, and looking that nothing is left.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::erasures::{End, EraseStep, Seen, Standing};
use super::{Store, StoreError};
use crate::clock::Clock;
use crate::domain::erasure::{Erasure, ErasureState, Phase};
use crate::domain::id::ErasureId;
use crate::domain::person::{Links, Marks};

/// How long it rests while nobody is to be erased.
const IDLE: Duration = Duration::from_mins(1);

/// How long it waits after a step that failed, or for somebody who reads.
const RECOVER: Duration = Duration::from_secs(2);

/// Writes that may wait before a step lets them go first, and how long it does.
const WAITING_MAX: usize = 16;
const COURTESY: Duration = Duration::from_millis(50);

/// Texts that are looked for in the file at the end, and the shortest: what is shorter is found everywhere.
const TEXTS_MAX: usize = 2_000;
const TEXT_MIN: usize = 8;
const TEXT_LONGEST: usize = 200;

/// The largest file that is written anew beside the service: nothing is acknowledged while it is, which takes a second or two.
pub const REWRITTEN_MAX: u64 = 128 * 1024 * 1024;

/// Carries erasures out.
#[expect(missing_debug_implementations, reason = "it holds a store; nobody prints it")]
pub struct Erasing {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    asked: Arc<Notify>,
    largest: u64,
    work: Option<Work>,
}

/// What is known of an erasure beside what is written down; after a restart it begins anew.
struct Work {
    id: ErasureId,
    links: Links,
    /// Behind which event the look for links goes on.
    place: i64,
    /// Texts of theirs that were removed.
    texts: BTreeSet<String>,
    /// What the look into the file is at, and has shown.
    looked: u64,
    seen: Seen,
    rewritten: bool,
}

impl Erasing {
    /// For this store; `asked` rouses it. Files up to `largest` bytes are written anew where that is needed.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        asked: Arc<Notify>,
        largest: u64,
    ) -> Self {
        Self { store, clock, asked, largest, work: None }
    }

    /// Goes on until told to stop. A step that has begun is finished; the next start goes on behind it.
    pub async fn run(mut self, stop: CancellationToken) {
        let (clock, asked) = (Arc::clone(&self.clock), Arc::clone(&self.asked));
        while !stop.is_cancelled() {
            let mut rest = match self.tick().await {
                Ok(rest) => rest,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "an erasure could not go on; it is tried again");
                    RECOVER
                }
            };
            if rest.is_zero() && self.store.waiting() > WAITING_MAX {
                rest = COURTESY;
            }
            if !rest.is_zero() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = asked.notified() => {}
                    () = clock.sleep(rest) => {}
                }
            }
        }
    }

    /// One step. How long nothing more is to be done.
    pub async fn tick(&mut self) -> Result<Duration, StoreError> {
        let Some(standing) = self.store.erasing().await? else {
            self.work = None;
            return Ok(IDLE);
        };
        let id = standing.erasure.id;
        let known = self.work.take().filter(|work| work.id == id);
        let mut work = known.unwrap_or_else(|| Work {
            id,
            links: Links::of(&standing.plan.wanted),
            place: 0,
            texts: BTreeSet::new(),
            looked: 0,
            seen: Seen::default(),
            rewritten: false,
        });
        let stepped = self.step(&standing, &mut work).await;
        self.work = Some(work);
        stepped
    }

    async fn step(&self, standing: &Standing, work: &mut Work) -> Result<Duration, StoreError> {
        let erasure = &standing.erasure;
        let Some(marks) = &standing.plan.marks else {
            return self.learn(standing, work).await;
        };
        let marks = Arc::new(marks.clone());
        if erasure.phase == Phase::Log {
            return self.look(erasure, &marks, work).await;
        }
        if erasure.phase == Phase::Done || (erasure.dry_run && erasure.phase == Phase::Words) {
            self.end(erasure, false, None).await?;
            return Ok(Duration::ZERO);
        }
        let step = EraseStep {
            id: erasure.id,
            phase: erasure.phase,
            after: standing.place,
            marks,
            dry_run: erasure.dry_run,
            now: self.clock.now(),
        };
        let done = self.store.erase(step).await?;
        let room = TEXTS_MAX.saturating_sub(work.texts.len());
        let long = done.texts.into_iter().filter(|text| text.len() >= TEXT_MIN);
        let cut = |text: String| text.chars().take(TEXT_LONGEST).collect();
        work.texts.extend(long.map(cut).take(room));
        Ok(Duration::ZERO)
    }

    /// Looks through the next events for what belongs together.
    async fn learn(&self, standing: &Standing, work: &mut Work) -> Result<Duration, StoreError> {
        let sought = Arc::new(work.links.sought().clone());
        let learned = self.store.learn(sought, work.place).await?;
        if let Some(source) = learned.own_of.filter(|_| !standing.plan.own_number) {
            let note = format!(
                "this is the number or id of your own side at the source `{source}`: with it every conversation of that account would go. Ask again with own_number (--own-number) if that is meant"
            );
            self.end(&standing.erasure, true, Some(note)).await?;
            return Ok(Duration::ZERO);
        }
        work.links.add(learned.found);
        if let Some(next) = learned.next {
            work.place = next;
            return Ok(Duration::ZERO);
        }
        work.place = 0;
        if !work.links.end_round() {
            self.store.keep_marks(standing.erasure.id, work.links.marks().clone()).await?;
        }
        Ok(Duration::ZERO)
    }

    /// Empties the log and looks into the file. What is left there stands in room that is free: then the file is written anew.
    async fn look(
        &self,
        erasure: &Erasure,
        marks: &Arc<Marks>,
        work: &mut Work,
    ) -> Result<Duration, StoreError> {
        if work.looked == 0 && !self.store.empty_log().await? {
            return Ok(RECOVER);
        }
        let texts: Arc<[String]> = work.texts.iter().cloned().collect();
        let seen = self.store.look_into_file(Arc::clone(marks), texts, work.looked).await?;
        work.seen.marks |= seen.marks;
        work.seen.texts |= seen.texts;
        let Seen { marks: by_marks, texts: by_texts, .. } = work.seen;
        if let Some(next) = seen.next.filter(|_| !by_marks) {
            work.looked = next;
            return Ok(Duration::ZERO);
        }
        work.looked = 0;
        if (by_marks || by_texts) && !work.rewritten {
            work.rewritten = true;
            work.seen = Seen::default();
            if self.store.rewrite(self.largest).await? {
                return Ok(Duration::ZERO);
            }
            let note = by_marks.then(|| {
                format!(
                    "all of it is gone from what is kept, but room that is free in the file still shows some of it, and the file is larger than {} MiB, so it was not written anew beside the service: stop the server and run the same with --offline",
                    self.largest / 1024 / 1024
                )
            });
            self.end(erasure, false, note).await?;
        } else {
            let left = "a number or id of theirs is still somewhere in the file: run it again, and please report it";
            self.end(erasure, false, by_marks.then(|| left.to_owned())).await?;
        }
        // The note of whom it was has gone from the tables; with this it goes from the log.
        if !self.store.empty_log().await? {
            tracing::warn!(erasure.id = %erasure.id, "the log could not be emptied at the end of an erasure; that is done at the next stop");
        }
        Ok(Duration::ZERO)
    }

    async fn end(
        &self,
        erasure: &Erasure,
        refused: bool,
        note: Option<String>,
    ) -> Result<(), StoreError> {
        let id = erasure.id;
        self.store.end_erasure(End { id, refused, note, now: self.clock.now() }).await?;
        let erased = erasure.erased;
        tracing::info!(erasure.id = %id, erasure.by = erasure.by, dry_run = erasure.dry_run, refused, events = erased.events, callbacks = erased.callbacks, "an erasure has ended");
        Ok(())
    }

    /// Whether this one has ended, one way or the other.
    pub async fn has_ended(&self, id: ErasureId) -> Result<Option<Erasure>, StoreError> {
        let found = self.store.erasure(id).await?;
        Ok(found.filter(|erasure| erasure.state != ErasureState::Running))
    }
}
