//! What is authentic and what is not: every scheme, published test vectors, and credentials that the store sealed.

use std::time::Duration;

use super::*;
use crate::clock::Time;
use crate::domain::id::CallbackId;
use crate::domain::secret::Secret;
use crate::domain::source::{Algorithm, Encoding, HmacScheme, SignedPart};

pub(super) const PUBLIC_URL: &str = "https://hooks.example.com/front";
pub(super) const RECEIVED: &str = "2026-08-12T09:15:57Z";
const KEY: [u8; 32] = [7; 32];

pub(super) fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::new((*text).to_owned())).collect()
}

pub(super) fn callback(
    headers: &[(&str, &str)],
    token: Option<&str>,
    body: &'static [u8],
) -> Callback {
    let mut headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    headers.sort();
    Callback {
        id: CallbackId::from_bits(1),
        source: "shop".parse().unwrap(),
        received_at: RECEIVED.parse().unwrap(),
        head: Head {
            method: "POST".to_owned(),
            path: "/in/shop/orders".to_owned(),
            query: "a=b".to_owned(),
            headers,
            token: token.map(|token| Secret::new(token.to_owned())),
            remote: None,
        },
        body: body.into(),
    }
}

/// The verdict on a callback, once as it came and once more out of the store: both have to be the same.
pub(super) fn verdict(schemes: &[Scheme], callback: &Callback) -> Result<(), Refusal> {
    let judged = check(schemes, callback, PUBLIC_URL).map(|_| ());
    let (head, token_hash) = seal(callback.head.clone(), schemes, &KEY);
    let stored = Callback { head, ..callback.clone() };
    let later = check_sealed(schemes, &stored, PUBLIC_URL, token_hash, &KEY).map(|_| ());
    assert_eq!(judged, later, "{callback:?}");
    judged
}

#[test]
fn a_source_without_any_scheme_takes_nothing_and_none_takes_everything() {
    let callback = callback(&[], None, b"");
    assert_eq!(verdict(&[], &callback), Err(Refusal::Missing));
    assert_eq!(check_head(&[], &callback.head, callback.received_at), Err(Refusal::Missing));
    assert_eq!(verdict(&[Scheme::None], &callback), Ok(()));
}

/// A scheme, the headers and the token that were sent, and the verdict.
type Case<'a> = (&'a Scheme, &'a [(&'a str, &'a str)], Option<&'a str>, Result<(), Refusal>);

#[test]
fn static_credentials_are_taken_only_as_their_scheme_writes_them() {
    let token = Scheme::Token { secrets: secrets(&["new", "old"]), header: Some("x-token".into()) };
    let header = Scheme::Header { name: "x-key".into(), secrets: secrets(&["new", "old"]) };
    let basic = Scheme::Basic { secrets: secrets(&["shop:wörd", "a:b:c"]) };
    let bearer = Scheme::Bearer { secrets: secrets(&["new", "old"]) };
    let (missing, wrong, malformed) =
        (Err(Refusal::Missing), Err(Refusal::Wrong), Err(Refusal::Malformed));
    let table: &[Case<'_>] = &[
        (&token, &[], None, missing),
        (&token, &[], Some("new"), Ok(())),
        (&token, &[], Some("old"), Ok(())),
        (&token, &[], Some("ne"), wrong),
        (&token, &[], Some(""), wrong),
        (&token, &[("x-token", "new")], None, Ok(())),
        (&token, &[("x-token", "bad")], None, wrong),
        (&token, &[("x-token", "new")], Some("bad"), Ok(())),
        (&token, &[("x-token", "new"), ("x-token", "new")], None, malformed),
        (&header, &[("x-token", "new")], None, missing),
        (&header, &[("x-key", "old")], None, Ok(())),
        (&header, &[("x-key", "OLD")], None, wrong),
        (&header, &[("x-key", "old"), ("x-key", "bad")], None, malformed),
        (&basic, &[], None, missing),
        (&basic, &[("authorization", "Basic c2hvcDp3w7ZyZA==")], None, Ok(())),
        (&basic, &[("authorization", "bAsIc  c2hvcDp3w7ZyZA")], None, Ok(())),
        (&basic, &[("authorization", "Basic YTpiOmM=")], None, Ok(())),
        (&basic, &[("authorization", "Basic YTpiOmQ=")], None, wrong),
        (&basic, &[("authorization", "Basic c2hvcDp3w7ZyZ")], None, malformed),
        (&basic, &[("authorization", "Basic")], None, malformed),
        (&basic, &[("authorization", "Bearer new")], None, malformed),
        (&bearer, &[("authorization", "Bearer new")], None, Ok(())),
        (&bearer, &[("authorization", "bearer old")], None, Ok(())),
        (&bearer, &[("authorization", "BEARER bad")], None, wrong),
        (&bearer, &[("authorization", "new")], None, malformed),
        (&bearer, &[("authorization", "Bearer a.b.c")], None, wrong),
    ];
    for (scheme, headers, token, expected) in table {
        let given = callback(headers, *token, b"");
        let one = std::slice::from_ref(*scheme);
        // A Basic value that is not base64 can't be told from a wrong one any more once it is sealed.
        if **headers == [("authorization", "Basic c2hvcDp3w7ZyZ")] {
            assert_eq!(check_head(one, &given.head, given.received_at), *expected);
        } else {
            assert_eq!(verdict(one, &given), *expected, "{scheme:?} {headers:?} {token:?}");
        }
    }
}

#[test]
fn every_scheme_that_is_listed_has_to_hold() {
    let both = [
        Scheme::Token { secrets: secrets(&["t"]), header: None },
        Scheme::Bearer { secrets: secrets(&["b"]) },
    ];
    let bearer: &[(&str, &str)] = &[("authorization", "Bearer b")];
    assert_eq!(verdict(&both, &callback(bearer, Some("t"), b"")), Ok(()));
    assert_eq!(verdict(&both, &callback(bearer, None, b"")), Err(Refusal::Missing));
    assert_eq!(verdict(&both, &callback(&[], Some("t"), b"")), Err(Refusal::Missing));
    assert_eq!(verdict(&both, &callback(bearer, Some("x"), b"")), Err(Refusal::Wrong));
}

fn hmac_scheme(algorithm: Algorithm, key: &str) -> HmacScheme {
    HmacScheme {
        header: "x-signature".into(),
        algorithm,
        encoding: Encoding::Hex,
        prefix: String::new(),
        parts: vec![SignedPart::Body],
        timestamp_header: None,
        tolerance: Duration::from_mins(5),
        secrets: secrets(&[key]),
    }
}

#[test]
fn keyed_hashes_agree_with_rfc_2202_and_rfc_4231() {
    let (jefe, question): (_, &[u8]) = ("Jefe", b"what do ya want for nothing?");
    let eleven = "\u{b}".repeat(20);
    let table = [
        (Algorithm::Sha1, jefe, question, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (
            Algorithm::Sha256,
            jefe,
            question,
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            Algorithm::Sha256,
            &eleven,
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            Algorithm::Sha512,
            jefe,
            question,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ),
    ];
    for (algorithm, key, body, signature) in table {
        let scheme = [Scheme::Hmac(hmac_scheme(algorithm, key))];
        assert_eq!(verdict(&scheme, &callback(&[("x-signature", signature)], None, body)), Ok(()));
        let upper = signature.to_uppercase();
        assert_eq!(verdict(&scheme, &callback(&[("x-signature", &upper)], None, body)), Ok(()));
        let other = callback(&[("x-signature", signature)], None, b"another body");
        assert_eq!(verdict(&scheme, &other), Err(Refusal::Wrong));
    }
}

#[test]
fn a_signature_covers_its_parts_and_nothing_else_is_taken_for_one() {
    let mut scheme = hmac_scheme(Algorithm::Sha256, "key");
    scheme.encoding = Encoding::Base64;
    scheme.prefix = "v0=".into();
    scheme.timestamp_header = Some("x-time".into());
    scheme.secrets = secrets(&["new", "key"]);
    scheme.parts = vec![
        SignedPart::Timestamp,
        SignedPart::Text(".".into()),
        SignedPart::Method,
        SignedPart::Path,
        SignedPart::Query,
        SignedPart::Url,
        SignedPart::Header("x-id".into()),
        SignedPart::Body,
    ];
    let time = RECEIVED.parse::<Time>().unwrap().as_millis() / 1_000;
    let signed = format!(
        "{time}.POST/front/in/shop/ordersa=bhttps://hooks.example.com/front/in/shop/orders?a=b77body"
    );
    let pieces = [signed.as_bytes().into()];
    let hash = hmac::keyed(Algorithm::Sha256, b"key", &pieces).unwrap();
    let signature =
        format!("v0={}", base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, hash));
    let time = time.to_string();
    let with = |id: &str, signature: &str, time: &str| {
        let headers = [("x-id", id), ("x-signature", signature), ("x-time", time)];
        verdict(&[Scheme::Hmac(scheme.clone())], &callback(&headers, None, b"body"))
    };
    assert_eq!(with("77", &signature, &time), Ok(()));
    assert_eq!(with("78", &signature, &time), Err(Refusal::Wrong));
    assert_eq!(with("77", &signature, &format!("{time}.0")), Err(Refusal::Malformed));
    assert_eq!(with("77", &signature, &format!("0{time}")), Err(Refusal::Malformed));
    for malformed in ["", "v0=", "v0=!!", signature.trim_start_matches("v0=")] {
        assert_eq!(with("77", malformed, &time), Err(Refusal::Malformed), "{malformed}");
    }
    let unsigned = callback(&[("x-id", "77")], None, b"body");
    assert_eq!(verdict(&[Scheme::Hmac(scheme)], &unsigned), Err(Refusal::Missing));
}

#[test]
fn what_is_signed_holds_for_the_tolerance_in_both_directions() {
    let mut stamped = hmac_scheme(Algorithm::Sha256, "key");
    stamped.timestamp_header = Some("x-time".into());
    stamped.parts = vec![SignedPart::Timestamp, SignedPart::Body];
    let standard =
        Scheme::StandardWebhooks { secrets: secrets(&["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]) };
    let arrived: Time = RECEIVED.parse().unwrap();
    for scheme in [Scheme::Hmac(stamped), standard] {
        for (seconds, expected) in [(0, Ok(())), (300, Ok(())), (301, Err(Refusal::Stale))] {
            let apart = Duration::from_secs(seconds);
            for signed_at in [arrived.after(apart), arrived.before(apart)] {
                let mut callback = callback(&[], None, b"{}");
                let schemes = [scheme.clone()];
                sign(&schemes, &mut callback.head, b"{}", signed_at, PUBLIC_URL).unwrap();
                assert_eq!(verdict(&schemes, &callback), expected, "{signed_at}");
            }
        }
    }
}

/// A vector published with the specification's own library.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
const SIGNED_AT: i64 = 1_649_367_553;
const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

#[test]
fn standard_webhooks_signatures_agree_with_the_published_library() {
    let schemes = [Scheme::StandardWebhooks {
        secrets: secrets(&["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", SECRET]),
    }];
    let library = standardwebhooks::Webhook::new(SECRET).unwrap();
    assert_eq!(library.sign(ID, SIGNED_AT, BODY).unwrap(), SIGNATURE);
    let time = SIGNED_AT.to_string();
    let several = format!("v1a,{} v1,AAAA {SIGNATURE}", "AAAA");
    let table = [
        (ID, SIGNATURE, Ok(())),
        (ID, &several, Ok(())),
        (ID, "v1,AAAA", Err(Refusal::Wrong)),
        (ID, "v2,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=", Err(Refusal::Malformed)),
        (ID, "", Err(Refusal::Malformed)),
        ("msg_other", SIGNATURE, Err(Refusal::Wrong)),
        ("msg.dotted", SIGNATURE, Err(Refusal::Malformed)),
        ("", SIGNATURE, Err(Refusal::Malformed)),
    ];
    for (id, signature, expected) in table {
        let headers =
            [("webhook-id", id), ("webhook-signature", signature), ("webhook-timestamp", &time)];
        let mut callback = callback(&headers, None, BODY);
        callback.received_at = Time::from_millis(SIGNED_AT * 1_000 + 1_500);
        assert_eq!(verdict(&schemes, &callback), expected, "{id} {signature}");
    }
    let unsigned = callback(&[], None, BODY);
    assert_eq!(verdict(&schemes, &unsigned), Err(Refusal::Missing));
}

#[test]
fn what_we_sign_the_published_library_signs_alike() {
    let schemes = [Scheme::StandardWebhooks { secrets: secrets(&[SECRET]) }];
    let mut head = callback(&[("webhook-id", ID)], None, BODY).head;
    sign(&schemes, &mut head, BODY, Time::from_millis(SIGNED_AT * 1_000), "").unwrap();
    assert_eq!(head.header("webhook-signature"), Some(SIGNATURE));
}

#[test]
fn what_is_signed_for_a_source_is_authentic_for_it() {
    let mut stamped = hmac_scheme(Algorithm::Sha512, "key");
    stamped.timestamp_header = Some("x-time".into());
    stamped.parts = vec![
        SignedPart::Timestamp,
        SignedPart::Header("x-id".into()),
        SignedPart::Url,
        SignedPart::Body,
    ];
    let two = |one: &str, other: &str| secrets(&[one, other]);
    let mixes = [
        vec![Scheme::None],
        vec![Scheme::Token { secrets: two("a", "b"), header: None }],
        vec![Scheme::Token { secrets: two("a", "b"), header: Some("x-token".into()) }],
        vec![
            Scheme::Hmac(stamped),
            Scheme::Header { name: "x-key".into(), secrets: two("a", "b") },
        ],
        vec![Scheme::Basic { secrets: two("a:b", "c:d") }],
        vec![
            Scheme::Bearer { secrets: two("a", "b") },
            Scheme::StandardWebhooks { secrets: two(SECRET, SECRET) },
        ],
    ];
    for schemes in mixes {
        let mut callback =
            callback(&[("authorization", "Bearer old"), ("x-id", "7")], None, b"body");
        sign(&schemes, &mut callback.head, b"body", callback.received_at, PUBLIC_URL).unwrap();
        assert_eq!(verdict(&schemes, &callback), Ok(()), "{schemes:?}");
    }
}

#[test]
fn static_credentials_are_stored_as_hashes_and_the_rest_as_it_came() {
    let jwt = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJhcHAiOiJ4In0.c2ln";
    let given = callback(
        &[
            ("authorization", jwt),
            ("cookie", "session=hunter2"),
            ("proxy-authorization", "Basic aHVudGVyMg=="),
            ("webhook-signature", SIGNATURE),
            ("x-key", "hunter2"),
        ],
        Some("hunter2"),
        b"",
    );
    let header = Scheme::Header { name: "x-key".into(), secrets: secrets(&["hunter2"]) };
    let (head, token_hash) = seal(given.head.clone(), std::slice::from_ref(&header), &KEY);
    let printed = format!("{head:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("aHVudGVyMg"), "{printed}");
    assert!(head.token.is_none() && token_hash.is_some());
    assert_eq!(head.header("webhook-signature"), Some(SIGNATURE));
    assert_eq!(head.header("authorization"), Some(jwt));
    let stored = head.header("x-key").unwrap();
    assert!(sealed_matches(stored, &Secret::new("hunter2".into()), &KEY));
    assert!(!sealed_matches(stored, &Secret::new("hunter3".into()), &KEY));
    assert!(!sealed_matches(stored, &Secret::new("hunter2".into()), &[8; 32]));

    let (fixed, _) = seal(given.head.clone(), &[Scheme::Bearer { secrets: secrets(&["x"]) }], &KEY);
    assert!(fixed.header("authorization").unwrap().starts_with("Bearer sealed:"));
    let (named, _) = seal(
        given.head.clone(),
        &[Scheme::Header { name: "authorization".into(), secrets: secrets(&[jwt]) }],
        &KEY,
    );
    assert!(named.header("authorization").unwrap().starts_with("sealed:"));
}

#[test]
fn a_mistyped_secret_put_right_makes_the_stored_callback_authentic() {
    let mistyped = [Scheme::Bearer { secrets: secrets(&["wrnog"]) }];
    let right = [Scheme::Bearer { secrets: secrets(&["newer", "wrong"]) }];
    let given = callback(&[("authorization", "Bearer wrong")], None, b"");
    let (head, token_hash) = seal(given.head.clone(), &mistyped, &KEY);
    let stored = Callback { head, ..given };
    let judge = |schemes: &[Scheme], key: &[u8; 32]| {
        check_sealed(schemes, &stored, "", token_hash, key).map(|_| ())
    };
    assert_eq!(judge(&mistyped, &KEY), Err(Refusal::Wrong));
    assert_eq!(judge(&right, &KEY), Ok(()));
    assert_eq!(judge(&right, &[8; 32]), Err(Refusal::Wrong));
}

#[test]
fn a_sealed_value_sent_from_outside_opens_nothing() {
    let schemes = [Scheme::Header { name: "x-key".into(), secrets: secrets(&["hunter2"]) }];
    let genuine = callback(&[("x-key", "hunter2")], None, b"");
    let (head, _) = seal(genuine.head.clone(), &schemes, &KEY);
    let stolen = head.header("x-key").unwrap().to_owned();
    assert_eq!(verdict(&schemes, &callback(&[("x-key", &stolen)], None, b"")), Err(Refusal::Wrong));
}

#[test]
fn a_refusal_prints_as_its_word() {
    let words: Vec<String> = Refusal::ALL.iter().map(Refusal::to_string).collect();
    assert_eq!(words, ["missing", "wrong", "malformed", "stale", "address"]);
}
