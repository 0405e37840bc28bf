//! Updates of the business itself (8x8 calls the hook CABM): templates, the quality of phone numbers, the account.

use serde_json::{Map, Value};

use super::arrival::Arrival;
use super::draft::{Fault, VENDOR, carry, carry_texts, dialect, event_key, said_text};
use super::people;
use super::shape::Reader;
use crate::domain::event::{Data, Draft, EventType, Part, When};
use crate::vendor::read::Fields;

/// The reader of an event about templates, numbers or the account.
pub(super) fn reader(event_type: &str) -> Option<Reader> {
    match event_type {
        "template_status_update" => Some(template_status),
        "template_quality_update" => Some(template_quality),
        "template_category_update" => Some(template_category),
        "template_correct_category_detection" => Some(template_correct_category),
        "phone_number_quality_update" => Some(phone_quality),
        "account_update" => Some(account),
        _ => None,
    }
}

/// What stands around the details of every business update.
pub(super) struct Envelope {
    /// The duplicate key.
    pub(super) key: String,
    /// When it happened.
    pub(super) when: When,
    data: Data,
}

impl Envelope {
    /// Takes the envelope of an update of the given family.
    pub(super) fn take(body: &mut Fields, family: &str, arrival: &Arrival<'_>) -> Self {
        let key = event_key(body);
        let when = arrival.time(body, &["timestamp"]);
        let data = Data {
            vendor: VENDOR.to_owned(),
            dialect: dialect(body, family),
            channel: people::channel(body, "provider"),
            account: body.text("accountId"),
            instance: body.text("businessAccountId"),
            ..Data::default()
        };
        Self { key, when, data }
    }

    /// An event in this envelope.
    pub(super) fn event(&self, kind: EventType, subject: String, when: When, key: String) -> Draft {
        let data = self.data.clone();
        Draft { kind, subject: Some(subject), when, duplicate_key: key, data }
    }

    /// The account's id: 8x8's, else WhatsApp's.
    fn account(&self) -> Option<String> {
        self.data.account.clone().or_else(|| self.data.instance.clone())
    }

    fn only(
        &self,
        kind: EventType,
        subject: String,
        part: Part,
        said: Map<String, Value>,
        rest: Fields,
    ) -> Vec<Draft> {
        let mut draft = self.event(kind, subject, self.when, self.key.clone());
        if !said.is_empty() {
            draft.data.parts.insert(part, said);
        }
        draft.data.extra = rest.into_extra();
        vec![draft]
    }
}

fn template_status(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let said = [
        ("status", "status"),
        ("reason", "reason"),
        ("disableInfo", "disable_info"),
        ("otherInfo", "other_info"),
    ];
    template(body, arrival, EventType::TemplateStatusChanged, "cabm.template_status", &said)
}

fn template_quality(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let said = [("previousQualityScore", "previous_quality"), ("newQualityScore", "quality")];
    template(body, arrival, EventType::TemplateQualityChanged, "cabm.template_quality", &said)
}

fn template_category(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let said = [("previousCategory", "previous_category"), ("newCategory", "category")];
    template(body, arrival, EventType::TemplateCategoryChanged, "cabm.template_category", &said)
}

/// Advice only: WhatsApp thinks that another category would be right, and has changed nothing.
fn template_correct_category(body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let said = [("category", "category"), ("correctCategory", "advised_category")];
    let dialect = "cabm.template_correct_category";
    let mut drafts = template(body, arrival, EventType::TemplateCategoryChanged, dialect, &said)?;
    for draft in &mut drafts {
        if let Some(template) = draft.data.parts.get_mut(&Part::Template) {
            template.insert("advice".to_owned(), Value::Bool(true));
        }
    }
    Ok(drafts)
}

fn template(
    mut body: Fields,
    arrival: &Arrival<'_>,
    kind: EventType,
    family: &str,
    meta: &[(&str, &str)],
) -> Result<Vec<Draft>, Fault> {
    let envelope = Envelope::take(&mut body, family, arrival);
    let read = body.within("eventDetails", |details| {
        let names =
            [("templateId", "id"), ("templateName", "name"), ("templateLanguage", "language")];
        let mut said = carry_texts(details, &names);
        let subject = said_text(&said, "id").or_else(|| said_text(&said, "name"));
        let subject = subject.map(str::to_owned);
        said.extend(details.within("meta", |details| carry(details, meta)).unwrap_or_default());
        (subject, said)
    });
    let (subject, said) = read.unwrap_or_default();
    let subject = subject.ok_or_else(|| Fault::missing("eventDetails.templateId"))?;
    Ok(envelope.only(kind, subject, Part::Template, said, body))
}

fn phone_quality(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let envelope = Envelope::take(&mut body, "cabm.phone_quality", arrival);
    let read = body.within("eventDetails", |details| {
        let (number, mut said) = number(details, "displayPhoneNumber");
        let names = [
            ("event", "event"),
            ("currentLimit", "current_limit"),
            ("oldLimit", "previous_limit"),
            ("maxDailyConversationsPerBusiness", "max_daily_conversations"),
            ("reason", "reason"),
        ];
        said.extend(details.within("meta", |meta| carry(meta, &names)).unwrap_or_default());
        (number, said)
    });
    let (number, said) = read.unwrap_or_default();
    let subject = number
        .or_else(|| envelope.account())
        .ok_or_else(|| Fault::missing("eventDetails.displayPhoneNumber"))?;
    Ok(envelope.only(EventType::AccountQualityChanged, subject, Part::Quality, said, body))
}

fn account(mut body: Fields, arrival: &Arrival<'_>) -> Result<Vec<Draft>, Fault> {
    let envelope = Envelope::take(&mut body, "cabm.account", arrival);
    let read = body.within("eventDetails", |details| {
        let (number, mut said) = number(details, "phoneNumber");
        let names = [
            ("event", "event"),
            ("businessVerificationInfo", "verification"),
            ("violationInfo", "violation"),
            ("restrictionInfo", "restrictions"),
        ];
        said.extend(carry(details, &names));
        (number, said)
    });
    let (number, said) = read.unwrap_or_default();
    let subject =
        number.or_else(|| envelope.account()).ok_or_else(|| Fault::missing("accountId"))?;
    Ok(envelope.only(EventType::AccountUpdated, subject, Part::AccountUpdate, said, body))
}

/// Takes our own phone number: as it is written, and as the beginning of the part.
fn number(details: &mut Fields, name: &str) -> (Option<String>, Map<String, Value>) {
    let written = details.peek(name);
    let phone = people::phone(details, name).map(|phone| ("phone".to_owned(), phone.into()));
    (written, phone.into_iter().collect())
}
