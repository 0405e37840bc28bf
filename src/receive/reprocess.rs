//! Reading a callback that is in the store again, with today's adapters, configuration and secrets.

use std::collections::BTreeSet;

use super::{Receiver, findings};
use crate::clock::Time;
use crate::domain::callback::CallbackOutcome;
use crate::domain::source::Source;
use crate::store::{Intake, Kept, NewReading, Reread, StoreError, StoredCallback};
use crate::vendor::authenticity;

/// How a callback is read again.
#[derive(Clone, Copy, Debug)]
pub struct Reprocessing<'a> {
    /// The source that it came in on, as it is configured today.
    pub source: &'a Source,
    /// What vendors call, up to where a callback's path begins, for signatures over URLs.
    pub public_url: &'a str,
    /// The moment at which its events enter the stream.
    pub now: Time,
    /// Whether everything is to be left as it is.
    pub dry_run: bool,
}

impl<S: Intake + ?Sized> Receiver<S> {
    /// Reads a callback again; `None` if it is not in the store any more.
    ///
    /// One that was set aside and reads now is released and delivered. Of one that had events, what reads differently is put in the
    /// old one's place and what is new is added, but nothing is delivered: who had the old ones did something about them long ago.
    pub async fn reprocess(
        &self,
        stored: StoredCallback,
        how: Reprocessing<'_>,
    ) -> Result<Option<Reread>, StoreError> {
        let (source, now, dry_run) = (how.source, how.now, how.dry_run);
        let kept = self.judge_again(&stored, how);
        let StoredCallback { callback, outcome, .. } = stored;
        let (id, received_at) = (callback.id, callback.received_at);
        let was_set_aside =
            matches!(outcome, CallbackOutcome::Quarantined | CallbackOutcome::Unauthentic);
        let findings = if was_set_aside { findings(&kept) } else { BTreeSet::new() };
        let drift = self.drift.worth_writing(&source.name, &findings, id, received_at);
        let reading = NewReading { callback, kept, drift, at: now, dry_run };
        let Some(reread) = self.store.reread(reading).await? else { return Ok(None) };
        if dry_run {
            return Ok(Some(reread));
        }
        if reread.changed {
            self.news.send_replace(());
            self.drift.note(&source.name, &findings, id, received_at);
            tracing::info!(source.name = %source.name, callback.id = %id, new = reread.new.len(), revised = reread.revised.len(), "a callback reads differently than before");
        }
        if reread.deliveries > 0 {
            self.wake.ring_for_new();
        }
        Ok(Some(reread))
    }

    /// What was not authentic is judged again, static credentials by their hashes and times of signing by the time of arrival.
    fn judge_again(&self, stored: &StoredCallback, how: Reprocessing<'_>) -> Kept {
        let (source, callback) = (how.source, &stored.callback);
        let checked = match authenticity::proven_at_arrival(callback, stored.outcome) {
            Some(authentic) => Ok(authentic),
            None => authenticity::check_sealed(
                &source.auth,
                callback,
                how.public_url,
                stored.token_hash,
                &self.key,
            ),
        };
        match checked {
            Ok(authentic) => self.judge(source, authentic, how.now),
            Err(refusal) => Kept::Unauthentic(refusal.word().to_owned(), source.unauthentic_keep),
        }
    }
}
