//! How WAChat behaves: forms, a letter for each status, and no second try that anybody documents.

use crate::domain::message::State;
use crate::vendor::habits::{Habits, Push, Scene};

pub(super) const HABITS: Habits = Habits {
    retries: &[],
    gives_up_on: &[],
    reports: &[State::Queued, State::Sent, State::Delivered, State::Read],
    id,
    received,
    reported,
};

/// Eighteen digits, with zeros before them.
fn id(run: u32, number: u32) -> String {
    format!("{run:010}{number:08}")
}

fn form(pairs: &[(&str, &str)]) -> Push {
    let body = serde_urlencoded::to_string(pairs).unwrap_or_default();
    Push { content_type: "application/x-www-form-urlencoded", body }
}

fn received(scene: &Scene) -> Push {
    // The vendor's own clock, in its own zone, seven hours before UTC.
    let local = scene.at.after(std::time::Duration::from_hours(7)).to_string();
    let local = local.get(..19).unwrap_or_default().replace('T', " ");
    form(&[
        ("id", &scene.id),
        ("gateway_number", "12025550100"),
        ("originator", &scene.phone),
        ("receive_date", &local),
        ("msg", scene.text),
    ])
}

fn reported(scene: &Scene, state: State) -> Push {
    let letter = match state {
        State::Queued => "Q",
        State::Sent => "S",
        State::Delivered => "D",
        State::Read => "R",
        State::Failed => "A",
    };
    form(&[("ref_no", &scene.id), ("status", letter)])
}
