//! Tokens that end, and addresses: what is taken of a head that is different each time.

use ::hmac::digest::KeyInit;
use ::hmac::{Hmac, Mac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::Sha256;

use super::tests::{PUBLIC_URL, RECEIVED, callback, secrets, verdict};
use super::*;

/// A token over these parts as they stand, signed with HS256.
fn jwt(head: &str, claims: &str, key: &str) -> String {
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let signed = format!("{}.{}", part(head), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_jwt_holds_with_one_algorithm_one_of_its_keys_and_until_it_ends() {
    let scheme = [Scheme::Jwt { secrets: secrets(&["new", "old"]) }];
    let at = RECEIVED.parse::<Time>().unwrap().as_millis() / 1_000;
    let hs256 = r#"{"typ":"JWT","alg":"HS256"}"#;
    let ends = |seconds: i64| format!(r#"{{"app":"evolution","exp":{}}}"#, at + seconds);
    let (ok, wrong, malformed, stale) =
        (Ok(()), Err(Refusal::Wrong), Err(Refusal::Malformed), Err(Refusal::Stale));
    let good = jwt(hs256, &ends(600), "new");
    let (signed, _) = good.rsplit_once('.').unwrap();
    let table = [
        (good.clone(), ok),
        (jwt(hs256, &ends(600), "old"), ok),
        (jwt(hs256, &ends(1), "new"), ok),
        (jwt(hs256, &ends(0), "new"), stale),
        (jwt(hs256, &ends(-3_600), "new"), stale),
        (jwt(hs256, &format!(r#"{{"exp":{at}.5}}"#), "new"), ok),
        (jwt(hs256, &format!(r#"{{"exp":{},"nbf":{}}}"#, at + 600, at + 60), "new"), ok),
        (jwt(hs256, &format!(r#"{{"exp":{},"nbf":{}}}"#, at + 600, at + 61), "new"), stale),
        (jwt(hs256, &ends(600), "other"), wrong),
        (jwt(hs256, &ends(-600), "other"), wrong),
        (format!("{signed}.{}", URL_SAFE_NO_PAD.encode("guess")), wrong),
        (format!("{signed}."), wrong),
        (format!("{good}="), malformed),
        (signed.to_owned(), malformed),
        (format!("{good}.x"), malformed),
        (jwt(hs256, r#"{"iat":1}"#, "new"), malformed),
        (jwt(hs256, r#"{"exp":"2000000000"}"#, "new"), malformed),
        (jwt(hs256, r#"{"exp":2000000000,"exp":1}"#, "new"), malformed),
        (jwt(hs256, "[]", "new"), malformed),
        (jwt(r#"{"alg":"none"}"#, &ends(600), "new"), malformed),
        (jwt(r#"{"alg":"HS512"}"#, &ends(600), "new"), malformed),
        (jwt(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, &ends(600), "new"), malformed),
        (jwt(r#"{"alg":"HS256","alg":"none"}"#, &ends(600), "new"), malformed),
        (good.replace("Bearer", "JWT"), malformed),
        ("Bearer new".to_owned(), malformed),
    ];
    for (header, expected) in table {
        let given = callback(&[("authorization", &header)], None, b"");
        let head = check_head(&scheme, &given.head, given.received_at);
        assert_eq!(head, expected, "{header}");
        assert_eq!(check(&scheme, &given, PUBLIC_URL).map(|_| ()), expected, "{header}");
    }
    assert_eq!(verdict(&scheme, &callback(&[], None, b"")), Err(Refusal::Missing));
    // What is kept of a genuine token is judged as it was, by the time at which it came.
    assert_eq!(verdict(&scheme, &callback(&[("authorization", &good)], None, b"")), Ok(()));
    // The token that everybody knows, with the key that everybody knows: genuine, but it never ends.
    let known = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
    for (key, expected) in [("your-256-bit-secret", malformed), ("another", wrong)] {
        let scheme = [Scheme::Jwt { secrets: secrets(&[key]) }];
        let given = callback(&[("authorization", known)], None, b"");
        assert_eq!(verdict(&scheme, &given), expected, "{key}");
    }
}

#[test]
fn an_address_is_allowed_in_each_of_its_networks_and_in_either_spelling() {
    let networks = ["203.0.113.0/28", "2001:db8:7::/48"].map(|network| network.parse().unwrap());
    let scheme = [Scheme::AllowIps { networks: networks.to_vec() }];
    let table = [
        ("203.0.113.0", Ok(())),
        ("203.0.113.15", Ok(())),
        ("::ffff:203.0.113.15", Ok(())),
        ("2001:db8:7::1", Ok(())),
        ("203.0.113.16", Err(Refusal::Address)),
        ("2001:db8:8::1", Err(Refusal::Address)),
        ("127.0.0.1", Err(Refusal::Address)),
    ];
    for (remote, expected) in table {
        let mut given = callback(&[], None, b"");
        given.head.remote = Some(remote.parse().unwrap());
        assert_eq!(verdict(&scheme, &given), expected, "{remote}");
    }
    assert_eq!(verdict(&scheme, &callback(&[], None, b"")), Err(Refusal::Missing));
}
