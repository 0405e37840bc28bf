//! Who is erased: the ids that belong to a number go with it, those of others do not, nor do numbers of one's own; and what cuts it off.

use std::sync::Arc;

use callbox::clock::Clock;
use callbox::domain::erasure::{Erased, Erasure, ErasureState, Phase};
use callbox::domain::id::ErasureId;
use callbox::domain::person::Wanted;
use callbox::store::{Erasing, Kept, Plan, REWRITTEN_MAX};
use serde_json::json;
use tokio::sync::Notify;

use crate::support::callbox::Callbox;
use crate::support::erasing::{EVERYBODY, erase, has, order};
use crate::support::shelf::{STORES, Shelf};

#[tokio::test]
async fn a_hidden_id_that_stands_beside_the_number_goes_with_it_and_a_name_that_others_share_does_not()
 {
    let callbox = Callbox::start(EVERYBODY).await;
    let contact = |id: &str, name: &str| json!({ "event": "contacts.upsert", "instance": "kettle", "data": [{ "id": id, "pushName": name }] });
    let message = |id: &str, chat: &str, alt: &str| {
        json!({ "event": "messages.upsert", "instance": "kettle", "data": {
            "key": { "id": id, "remoteJid": chat, "fromMe": false, "remoteJidAlt": alt },
            "messageTimestamp": 1_786_526_157, "message": { "conversation": "hidden" } } })
    };
    let lid = "219875500143219@lid";
    callbox.push("wessaal", contact(lid, "Marit").to_string()).await.callback();
    callbox
        .push("wessaal", contact("12025550188@s.whatsapp.net", "Marit").to_string())
        .await
        .callback();
    callbox
        .push("wessaal", message("A1", lid, "12025550143@s.whatsapp.net").to_string())
        .await
        .callback();
    callbox.push("wessaal", message("A2", lid, "").to_string()).await.callback();
    let group = json!({ "event": "group-participants.update", "instance": "kettle", "data": {
        "id": "120363041234567890@g.us", "action": "add",
        "participants": [lid, "12025550188@s.whatsapp.net"] } });
    callbox.push("wessaal", group.to_string()).await.callback();
    let receipt = erase(&callbox, &json!({ "phone": "+12025550143" })).await;
    assert_eq!(
        (&receipt["erased"]["events"], &receipt["erased"]["events_redacted"]),
        (&json!(3), &json!(1)),
        "{receipt}"
    );
    let disk = callbox.bytes_on_disk();
    assert!(!has(&disk, "12025550143") && !has(&disk, "219875500143219"));
    let left = callbox.events("").await;
    assert_eq!(left.len(), 2);
    assert_eq!(left[0]["data"]["contact"]["name"], "Marit");
    let people = left[1]["data"]["group"]["participants"].as_array().unwrap();
    assert_eq!((people[0]["id"].as_str(), people.len()), (Some("[erased]"), 2));
    assert_eq!(people[1]["phone"], "+12025550188");
}

#[tokio::test]
async fn a_number_of_ones_own_account_is_refused_unless_it_is_meant_and_wishes_are_judged() {
    let callbox = Callbox::start(EVERYBODY).await;
    callbox.push("wessaal", json!({ "event": "messages.upsert", "instance": "kettle", "sender": "12025550100@s.whatsapp.net", "data": {
        "key": { "id": "A1", "remoteJid": "12025550188@s.whatsapp.net", "fromMe": true },
        "messageTimestamp": 1_786_526_157, "message": { "conversation": "your kettle is on its way" } } }).to_string()).await.callback();
    let refused = erase(&callbox, &json!({ "phone": "12025550100" })).await;
    assert_eq!(refused["state"], "refused", "{refused}");
    assert!(refused["note"].as_str().unwrap().contains("own_number"));
    assert_eq!(callbox.events("").await.len(), 1);
    for (wish, part) in [
        (json!({}), "exactly one"),
        (json!({ "phone": "12025550143", "contact": "x" }), "exactly one"),
        (json!({ "phone": "0812 345 678" }), "country code"),
        (json!({ "phone": "kettle" }), "country code"),
        (json!({ "phone": 12_025_550_143_i64 }), "country code"),
        (json!({ "contact": " " }), "1 to 256"),
        (json!({ "phnoe": "12025550143" }), "the nearest is `phone`"),
        (json!({ "phone": "12025550143", "dry_run": "yes" }), "true or false"),
    ] {
        let detail = order(&callbox, "/v1/erasures", &wish).await.problem(400, "invalid_parameter");
        assert!(detail.contains(part), "{wish}: {detail}");
    }
    callbox.ask("/v1/erasures/ers_0").await.problem(404, "not_found");
    let list = callbox.json("/v1/erasures").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

fn erasing(shelf: &Shelf) -> Erasing {
    let clock: Arc<dyn Clock> = Arc::<crate::support::clock::ManualClock>::clone(&shelf.clock);
    Erasing::new(Arc::clone(&shelf.store), clock, Arc::new(Notify::new()), REWRITTEN_MAX)
}

async fn begin(shelf: &Shelf, phone: &str) -> ErasureId {
    let id = ErasureId::from_bits(7);
    let erasure = Erasure {
        id,
        state: ErasureState::Running,
        about: "phone".to_owned(),
        dry_run: false,
        by: "test".to_owned(),
        created_at: shelf.now(),
        ended_at: None,
        phase: Phase::Learning,
        erased: Erased::default(),
        note: None,
    };
    let plan = Plan { wanted: Wanted::phone(phone).unwrap(), own_number: false, marks: None };
    shelf.store.begin_erasure(erasure, plan).await.unwrap();
    id
}

#[tokio::test]
async fn an_erasure_that_a_power_cut_stops_at_any_step_goes_on_and_is_through() {
    for open in STORES {
        let mut cut_at = 0;
        loop {
            let mut shelf = Shelf::new(open);
            for number in 0..5 {
                let body = format!("hello from +1 202 555 014{number}");
                shelf
                    .store
                    .append(shelf.callback(&body, Kept::Quarantined("odd".to_owned())))
                    .await
                    .unwrap();
            }
            let id = begin(&shelf, "12025550143").await;
            let mut worker = erasing(&shelf);
            let mut ended = None;
            for _ in 0..cut_at {
                worker.tick().await.unwrap();
                ended = worker.has_ended(id).await.unwrap();
            }
            let was_through = ended.is_some();
            drop(worker);
            shelf = shelf.crash().await;
            let mut worker = erasing(&shelf);
            while ended.is_none() {
                worker.tick().await.unwrap();
                ended = worker.has_ended(id).await.unwrap();
            }
            let ended = ended.unwrap();
            assert_eq!(
                (ended.state, ended.erased.callbacks, ended.note),
                (ErasureState::Done, 1, None),
                "cut at {cut_at}"
            );
            drop(worker);
            let bytes = shelf.bytes();
            assert!(!has(&bytes, "12025550143") && has(&bytes, "12025550144"), "cut at {cut_at}");
            shelf.store.close().await.unwrap();
            if was_through {
                break;
            }
            cut_at += 1;
        }
        assert!(cut_at > 8, "{cut_at}");
    }
}
