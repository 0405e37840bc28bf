//! Any other sender, described in the configuration alone: JSON or form, one event per callback or an array of them.

mod draft;
mod message;
mod places;

use self::places::{Item, Parts};
use super::{Authentic, EVENTS_MAX, Reading, Vendor};
use crate::domain::callback::Callback;
use crate::domain::event::Draft;
use crate::domain::mapping::Mapping;
use crate::domain::source::ReadSettings;

/// A sender whose source says where everything is found: its [`Mapping`].
#[derive(Debug)]
pub struct Generic;

impl Vendor for Generic {
    fn code(&self) -> &'static str {
        "generic"
    }

    fn reads_by_mapping(&self) -> bool {
        true
    }

    fn takes_get(&self, settings: &ReadSettings) -> bool {
        settings.mapping.as_ref().is_some_and(|mapping| mapping.takes_get)
    }

    fn read(&self, callback: &Authentic<'_>, settings: &ReadSettings) -> Reading {
        let Some(mapping) = &settings.mapping else {
            return Reading::Quarantine("the source has no `mapping`".to_owned());
        };
        match drafts(callback.callback(), mapping, settings) {
            Ok(drafts) => Reading::Events(drafts),
            Err(reason) => Reading::Quarantine(reason),
        }
    }
}

/// The events of a callback; the error is a reason for the quarantine.
fn drafts(
    callback: &Callback,
    mapping: &Mapping,
    settings: &ReadSettings,
) -> Result<Vec<Draft>, String> {
    let (parts, values) = Parts::take_apart(callback, mapping)?;
    if values.len() > EVENTS_MAX {
        return Err(format!("{} events in one callback; {EVENTS_MAX} are the most", values.len()));
    }
    let is_one_of_several = values.len() > 1;
    let drafts = values.into_iter().enumerate().map(|(index, value)| {
        let item = Item::new(&parts, mapping, value);
        let draft =
            item.and_then(|item| draft::read(item, callback.received_at, &settings.timezone));
        draft.map_err(|reason| match &mapping.each {
            Some(each) if is_one_of_several => format!("`{}/{index}`: {reason}", each.as_str()),
            Some(_) | None => reason,
        })
    });
    drafts.collect()
}

#[cfg(test)]
mod tests;
