//! A message's state: the ladder, and the fold that is right for any order and any repetition of the same events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{Channel, Direction, Draft, EventType, MessageError, Party};
use super::name::Name;

pub use super::ladder::{Rungs, State};
use crate::clock::Time;

/// The folded state of one vendor message. Identity is (source, instance, id).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The source's name.
    pub source: Name,
    /// The vendor's code.
    pub vendor: String,
    /// The instance, where the vendor has several senders in one account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The vendor's id of the message.
    pub id: String,
    /// What each channel that it went over has reported; `None` stands for events that named no channel.
    pub legs: Vec<Leg>,
    /// The channel of its first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The direction that an event first gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Party>,
    /// Whom it went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Party>,
    /// Fixed by the first event that names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The sender's own id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// When each rung was first reached, by the events' own times; `received` for the arrival of an inbound one.
    pub times: BTreeMap<String, Time>,
    /// The latest failure's reason, with its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<(Time, MessageError)>,
    /// When the last event about it was received.
    pub updated_at: Time,
}

/// One channel's part in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The channel.
    pub channel: Option<Channel>,
    /// What it reported.
    pub rungs: Rungs,
}

impl Message {
    /// The message that `draft` is about, before anything is folded into it; `None` if it is about no message.
    #[must_use]
    pub fn about(source: &Name, draft: &Draft) -> Option<Self> {
        let part = draft.data.message.as_ref().filter(|_| draft.kind.is_about_a_message())?;
        let (vendor, instance) = (draft.data.vendor.clone(), draft.data.instance.clone());
        Some(Self::named(source.clone(), vendor, instance, part.id.clone()))
    }

    /// The same message before anything was folded into it, but for when it was last heard of: to be folded anew.
    #[must_use]
    pub fn emptied(self) -> Self {
        let Self { source, vendor, instance, id, updated_at, .. } = self;
        Self { updated_at, ..Self::named(source, vendor, instance, id) }
    }

    fn named(source: Name, vendor: String, instance: Option<String>, id: String) -> Self {
        Self {
            source,
            vendor,
            instance,
            id,
            legs: Vec::new(),
            channel: None,
            direction: None,
            from: None,
            to: None,
            conversation: None,
            client_ref: None,
            times: BTreeMap::new(),
            error: None,
            updated_at: Time::from_millis(0),
        }
    }

    /// The highest rung of its highest leg; an inbound message that nobody reported on has none.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        self.legs.iter().filter_map(|leg| leg.rungs.highest()).max()
    }

    /// Whether one of its legs was reported both failed and arrived.
    #[must_use]
    pub fn contradictory(&self) -> bool {
        self.legs.iter().any(|leg| leg.rungs.contradictory())
    }

    /// Takes in one more event about this message, received at `received_at`.
    pub fn fold(&mut self, draft: &Draft, received_at: Time) {
        self.updated_at = self.updated_at.max(received_at);
        self.channel = self.channel.or(draft.data.channel);
        let Some(part) = &draft.data.message else { return };
        keep_first(&mut self.conversation, part.conversation.as_ref());
        keep_first(&mut self.client_ref, part.client_ref.as_ref());
        if !tells_of_the_way(draft.kind) {
            return;
        }
        self.direction = self.direction.or(draft.data.direction);
        keep_party(&mut self.from, part.from.as_ref());
        keep_party(&mut self.to, part.to.as_ref());
        if let Some(state) = reached(draft) {
            self.leg(draft.data.channel).rungs.add(state);
            self.mark(state.as_str(), draft.when.at);
        }
        if draft.kind == EventType::MessageReceived {
            self.mark("received", draft.when.at);
        }
        if let Some(error) = &part.error {
            let later = (draft.when.at, error.clone());
            if self.error.as_ref().is_none_or(|known| *known < later) {
                self.error = Some(later);
            }
        }
    }

    fn leg(&mut self, channel: Option<Channel>) -> &mut Leg {
        let place = self.legs.iter().position(|leg| leg.channel == channel).unwrap_or_else(|| {
            self.legs.push(Leg { channel, rungs: Rungs::default() });
            self.legs.sort_by_key(|leg| leg.channel);
            self.legs.iter().position(|leg| leg.channel == channel).unwrap_or_default()
        });
        #[expect(
            clippy::indexing_slicing,
            reason = "the leg at this place was found or put there just above"
        )]
        &mut self.legs[place]
    }

    fn mark(&mut self, what: &str, at: Time) {
        let earliest = self.times.entry(what.to_owned()).or_insert(at);
        *earliest = at.min(*earliest);
    }
}

/// The rung that an event reaches: by its type, or higher if the vendor said so.
fn reached(draft: &Draft) -> Option<State> {
    let by_type = draft.kind.state()?;
    let status = draft.data.message.as_ref().and_then(|part| part.status.as_ref());
    Some(status.and_then(|status| status.state).map_or(by_type, |said| by_type.max(said)))
}

/// Edits, deletes and reactions happen to a message; they say nothing of who sent it where, and do not fold.
fn tells_of_the_way(kind: EventType) -> bool {
    !matches!(
        kind,
        EventType::MessageEdited | EventType::MessageDeleted | EventType::MessageReaction
    )
}

fn keep_first(known: &mut Option<String>, new: Option<&String>) {
    if known.is_none() {
        *known = new.cloned();
    }
}

fn keep_party(known: &mut Option<Party>, new: Option<&Party>) {
    let Some(new) = new else { return };
    let known = known.get_or_insert_with(Party::default);
    keep_first(&mut known.id, new.id.as_ref());
    keep_first(&mut known.phone, new.phone.as_ref());
    keep_first(&mut known.name, new.name.as_ref());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::{Data, MessagePart, Status, TimeBasis, When};

    /// An event about the message `m`, which happened so many seconds after the beginning.
    fn event(kind: EventType, channel: Option<Channel>, second: u8) -> Draft {
        let message = MessagePart { id: "m".to_owned(), ..MessagePart::default() };
        Draft {
            kind,
            subject: Some(message.id.clone()),
            when: When { at: at(second), basis: TimeBasis::Vendor },
            duplicate_key: String::new(),
            data: Data { channel, message: Some(message), ..Data::default() },
        }
    }

    fn at(second: u8) -> Time {
        Time::from_millis(i64::from(second) * 1_000)
    }

    fn folded(events: &[Draft]) -> Message {
        let mut message = Message::about(&"shop".parse().unwrap(), &events[0]).unwrap();
        for event in events {
            message.fold(event, at(255));
        }
        message
    }

    /// Receipts over up to two channels, and the same ones in another order, some of them repeated.
    fn receipts() -> impl Strategy<Value = (Vec<Draft>, Vec<Draft>)> {
        let channel = prop_oneof![Just(Some(Channel::Whatsapp)), Just(Some(Channel::Sms))];
        let receipt = (prop::sample::select(State::ALL.to_vec()), channel, any::<u8>())
            .prop_map(|(state, channel, second)| event(state.into(), channel, second));
        prop::collection::vec(receipt, 1..8).prop_flat_map(|receipts| {
            let repeated = prop::collection::vec(prop::sample::select(receipts.clone()), 0..8);
            let other = (Just(receipts.clone()), repeated)
                .prop_map(|(receipts, repeated)| [receipts, repeated].concat())
                .prop_shuffle();
            (Just(receipts), other)
        })
    }

    proptest! {
        #[test]
        fn receipts_fold_to_the_same_in_any_order_and_with_any_repetition((one, other) in receipts()) {
            let (one, other) = (folded(&one), folded(&other));
            prop_assert_eq!(one.state(), other.state());
            prop_assert_eq!(one.contradictory(), other.contradictory());
            prop_assert_eq!(one.times, other.times);
            prop_assert_eq!(one.legs, other.legs);
        }

        #[test]
        fn the_state_is_the_highest_rung_and_each_rung_has_its_earliest_time((receipts, _) in receipts()) {
            let message = folded(&receipts);
            let states = || receipts.iter().filter_map(|receipt| receipt.kind.state());
            prop_assert_eq!(message.state(), states().max());
            for state in states() {
                let of_state = receipts.iter().filter(|receipt| receipt.kind.state() == Some(state));
                let earliest = of_state.map(|receipt| receipt.when.at).min();
                prop_assert_eq!(message.times.get(state.as_str()).copied(), earliest);
            }
            let reported = |channel, wanted: &[State]| {
                let mut of_channel = receipts.iter().filter(|receipt| receipt.data.channel == channel);
                of_channel.any(|receipt| receipt.kind.state().is_some_and(|state| wanted.contains(&state)))
            };
            let contradictory = [Some(Channel::Whatsapp), Some(Channel::Sms)].into_iter().any(|channel| {
                reported(channel, &[State::Failed]) && reported(channel, &[State::Delivered, State::Read])
            });
            prop_assert_eq!(message.contradictory(), contradictory);
        }
    }

    #[test]
    fn what_is_no_receipt_folds_as_the_contract_says() {
        use EventType as Type;
        let table: [(&[Type], Option<State>, &[&str]); 10] = [
            (&[Type::MessageReceived], None, &["received"]),
            (&[Type::MessageReceived, Type::MessageRead], Some(State::Read), &["read", "received"]),
            (&[Type::MessageAccepted], Some(State::Queued), &["queued"]),
            (&[Type::MessageAccepted, Type::MessageSent], Some(State::Sent), &["queued", "sent"]),
            (&[Type::MessageEchoed], Some(State::Sent), &["sent"]),
            (&[Type::MessageStatusUnknown], None, &[]),
            (&[Type::MessageEdited], None, &[]),
            (&[Type::MessageDeleted], None, &[]),
            (&[Type::MessageReaction], None, &[]),
            (
                &[Type::MessageDelivered, Type::MessageDeleted],
                Some(State::Delivered),
                &["delivered"],
            ),
        ];
        for (kinds, state, times) in table {
            let events: Vec<Draft> = kinds.iter().map(|kind| event(*kind, None, 1)).collect();
            let message = folded(&events);
            assert_eq!(message.state(), state, "{kinds:?}");
            assert_eq!(message.times.keys().collect::<Vec<_>>(), times, "{kinds:?}");
            assert!(!message.contradictory(), "{kinds:?}");
        }
    }

    #[test]
    fn an_echo_or_an_accepted_one_reaches_what_the_vendor_says_if_that_is_higher() {
        let table = [
            (EventType::MessageEchoed, State::Delivered, State::Delivered),
            (EventType::MessageEchoed, State::Queued, State::Sent),
            (EventType::MessageAccepted, State::Sent, State::Sent),
            (EventType::MessageAccepted, State::Failed, State::Failed),
        ];
        for (kind, said, expected) in table {
            let mut event = event(kind, None, 1);
            let part = event.data.message.as_mut().unwrap();
            part.status = Some(Status { state: Some(said), ..Status::default() });
            assert_eq!(folded(&[event]).state(), Some(expected), "{kind} {said}");
        }
    }

    #[test]
    fn the_first_conversation_stays_and_the_latest_error_counts() {
        let mut events = Vec::new();
        for (second, conversation, code) in
            [(5, "+12025550188", "1"), (9, "other", "2"), (7, "third", "3")]
        {
            let mut event = event(EventType::MessageFailed, None, second);
            let part = event.data.message.as_mut().unwrap();
            part.conversation = Some(conversation.to_owned());
            part.error =
                Some(MessageError { code: Some(code.to_owned()), ..MessageError::default() });
            events.push(event);
        }
        let message = folded(&events);
        assert_eq!(message.conversation.as_deref(), Some("+12025550188"));
        assert_eq!(message.error.unwrap().1.code.as_deref(), Some("2"));
    }
}
