//! A wall clock that is put forward and back: nothing is stuck, nothing comes in a storm, ids stay unique and in order.

use std::time::Duration;

use crate::evidence::tell;
use crate::support::SECOND;
use crate::support::bodies::receipt;
use crate::support::callbox::Callbox;
use crate::support::receiver::Receiver;

const SHOP: &str = "[sources.shop]\nvendor = \"wavecell\"\nauth = [{ type = \"none\" }]\n";

/// Jumps of the wall clock, in seconds.
const JUMPS: [i64; 6] = [3 * 86_400, -6 * 86_400, 3_600, -60, 7, -7];

#[tokio::test]
async fn a_wall_clock_that_jumps_holds_nothing_up_and_ids_stay_in_order() {
    let mut crm = Receiver::start().await;
    let configured = crm.configured("crm", "retry = [\"30s\", \"1h\"]");
    let callbox = Callbox::start(&format!("{SHOP}{configured}")).await;
    let (mut callbacks, mut events) = (Vec::new(), Vec::new());
    for (number, jump) in JUMPS.into_iter().enumerate() {
        crm.then(500);
        let answer = callbox.push("shop", receipt(&format!("m{number}"), "sent")).await;
        callbacks.push(answer.callback());
        events.extend(answer.events());
        let first = crm.next().await;
        let rejected = "/v1/deliveries?state=pending";
        callbox
            .until(rejected, |page| page["data"][0]["attempts"][0]["outcome"] == "rejected")
            .await;
        callbox.clock.jump(jump);
        let again = tokio::select! {
            again = crm.next() => again,
            () = pass(&callbox) => unreachable!("the retry is stuck after {jump} s"),
        };
        assert_eq!(again.header("webhook-id"), first.header("webhook-id"), "after {jump} s");
        callbox
            .until("/v1/deliveries?state=succeeded", |page| {
                page["data"].as_array().unwrap().len() == number + 1
            })
            .await;
        assert_eq!(callbox.ask("/readyz").await.status, 200);
    }
    assert!(callbacks.is_sorted_by(|one, next| one < next), "{callbacks:?}");
    assert!(events.is_sorted_by(|one, next| one < next), "{events:?}");
    let listed = callbox.json("/v1/events?order=asc").await;
    let listed =
        listed["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap());
    assert!(listed.eq(events.iter().map(String::as_str)));
    // Each was tried twice and no more.
    let deliveries = callbox.json("/v1/deliveries").await;
    for delivery in deliveries["data"].as_array().unwrap() {
        assert_eq!(delivery["attempts"].as_array().unwrap().len(), 2, "{delivery}");
    }
    let jumped: Duration = JUMPS.iter().map(|jump| Duration::from_secs(jump.unsigned_abs())).sum();
    let amount = format!("{} jumps, {} days in all", JUMPS.len(), jumped.as_secs() / 86_400);
    tell("Wall clock put forward and back", &amount, "nothing stuck, no storm, ids in order");
}

/// Lets time pass, a second at a time, for as long as it takes to see that nothing comes of it: far longer than the retry waits, far
/// shorter than the clock jumps.
async fn pass(callbox: &Callbox) {
    for _ in 0..20_000 {
        callbox.clock.advance(SECOND);
        callbox.ask("/healthz").await;
    }
}
