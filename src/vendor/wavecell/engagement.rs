//! What people did with an SMS besides getting it: followed a short link, answered a survey.

use serde_json::{Map, Value};

use super::arrival::Arrival;
use super::draft::{Fault, carry, dialect, enveloped, event, event_key, flat, key, required};
use super::people;
use crate::domain::event::{Channel, Draft, EventType, Part};
use crate::vendor::read::Fields;

/// Reads `short_url_clicked` in the namespace `SMS`.
pub(super) fn link(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "sms.link");
    enveloped(body, dialect, |payload| {
        let key = event_key(payload);
        let umid = required(payload, "umid")?;
        let when = arrival.time(payload, &["occurredAt"]);
        let mut link = about(&umid);
        if let Some(phone) = people::phone(payload, "destination") {
            link.insert("phone".to_owned(), phone.into());
        }
        link.extend(carry(payload, &[("shortUrl", "short_url"), ("targetUrl", "target_url")]));
        let mut draft = event(EventType::LinkClicked, Some(umid), when, key);
        draft.data.channel = Some(Channel::Sms);
        draft.data.parts.insert(Part::Link, link);
        Ok(draft)
    })
}

/// Reads the answers to a survey, which come without any envelope.
pub(super) fn survey(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let dialect = dialect(&mut body, "sms.survey");
    flat(body, dialect, |fields| {
        let umid = required(fields, "umid")?;
        let survey_id = fields.peek("surveyId").unwrap_or_default();
        let key = key(&[&umid.to_ascii_lowercase(), &survey_id]);
        let when = arrival.time(fields, &["surveySubmittedAt", "surveyStartedAt"]);
        let mut survey = about(&umid);
        survey.extend(carry(
            fields,
            &[
                ("surveyId", "id"),
                ("surveyStartedAt", "started_at"),
                ("templateVariables", "variables"),
                ("answers", "answers"),
            ],
        ));
        let mut draft = event(EventType::SurveySubmitted, Some(umid), when, key);
        draft.data.channel = Some(Channel::Sms);
        draft.data.parts.insert(Part::Survey, survey);
        Ok(draft)
    })
}

fn about(umid: &str) -> Map<String, Value> {
    Map::from_iter([("message_id".to_owned(), Value::from(umid))])
}
