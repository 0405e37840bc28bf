//! Erasing a person: the wish, how far it is, and the receipt that stays when nothing else does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::id::ErasureId;
use crate::clock::Time;

/// The erasure of a person. It never says of whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// Where it stands.
    pub state: ErasureState,
    /// By what the person was named: `phone`, `contact` or `conversation`.
    pub about: String,
    /// Whether it only counts.
    pub dry_run: bool,
    /// The name of the key that asked for it; `local` without one, `offline` where the server was stopped.
    pub by: String,
    /// When it was asked for.
    pub created_at: Time,
    /// When it was through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// What it is doing: `learning`, `events`, `messages`, `folded`, `callbacks`, `attempts`, `rest`, `words`, `pages`, `log`; `done` at the end.
    pub phase: Phase,
    /// What was erased so far; in a dry run what would be.
    pub erased: Erased,
    /// Why it was refused, or what is left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How much was erased, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Erased {
    /// Events that were removed.
    pub events: u64,
    /// Events of others that lost what they said of the person.
    pub events_redacted: u64,
    /// Messages that were removed.
    pub messages: u64,
    /// Callbacks whose bytes, headers, path and query were removed.
    pub callbacks: u64,
    /// Deliveries that were removed with their events.
    pub deliveries: u64,
    /// Those of them that were still to be made.
    pub deliveries_cancelled: u64,
    /// Attempts that were removed with their deliveries.
    pub attempts: u64,
    /// Attempts of others whose kept answers lost what they said of the person.
    pub attempts_redacted: u64,
    /// Whatever else named them: findings of drift, filters of consumers and replays, alarms.
    pub others: u64,
}

impl std::ops::AddAssign for Erased {
    fn add_assign(&mut self, more: Self) {
        self.events += more.events;
        self.events_redacted += more.events_redacted;
        self.messages += more.messages;
        self.callbacks += more.callbacks;
        self.deliveries += more.deliveries;
        self.deliveries_cancelled += more.deliveries_cancelled;
        self.attempts += more.attempts;
        self.attempts_redacted += more.attempts_redacted;
        self.others += more.others;
    }
}

/// Where an erasure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// It goes on, after a restart too.
    Running,
    /// It is through.
    Done,
    /// It was not begun, and why is in `note`.
    Refused,
}

impl ErasureState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Running, Self::Done, Self::Refused];

    /// The state's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// What an erasure is doing; each goes through a list from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Finding out which numbers and ids are the person's.
    Learning,
    /// Removing events that are about no message, with their callbacks' bytes.
    Events,
    /// Removing those about messages.
    Messages,
    /// Looking at what other messages say.
    Folded,
    /// Looking at callbacks that have no event: not understood, or not authentic.
    Callbacks,
    /// Looking at what destinations answered.
    Attempts,
    /// Looking at what is small.
    Rest,
    /// Writing the index of texts anew where something was taken out.
    Words,
    /// Giving free pages back.
    Pages,
    /// Emptying the log, and looking whether anything is left in the file.
    Log,
    /// Nothing more.
    Done,
}

impl Phase {
    /// In their order.
    pub const ALL: [Self; 11] = [
        Self::Learning,
        Self::Events,
        Self::Messages,
        Self::Folded,
        Self::Callbacks,
        Self::Attempts,
        Self::Rest,
        Self::Words,
        Self::Pages,
        Self::Log,
        Self::Done,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Events => "events",
            Self::Messages => "messages",
            Self::Folded => "folded",
            Self::Callbacks => "callbacks",
            Self::Attempts => "attempts",
            Self::Rest => "rest",
            Self::Words => "words",
            Self::Pages => "pages",
            Self::Log => "log",
            Self::Done => "done",
        }
    }

    /// The one behind it.
    #[must_use]
    pub fn next(self) -> Self {
        let behind = Self::ALL.into_iter().skip_while(|phase| *phase != self).nth(1);
        behind.unwrap_or(Self::Done)
    }
}
