//! Standard Webhooks signatures on what we send, so that a destination can tell us from anybody else.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

use crate::clock::Time;
use crate::domain::secret::Secret;

/// How secrets begin that were made for Standard Webhooks; what follows is base64.
const PREFIX: &str = "whsec_";

/// Base64 with or without padding: both are about.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Signs with every secret of a destination, so that a secret can be changed without a gap.
#[derive(Debug)]
pub struct Signer {
    keys: Vec<SecretSlice<u8>>,
}

/// A secret can't sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret for signing is `whsec_` and base64 of at least one byte")]
pub struct NotASigningSecret;

impl Signer {
    /// A signer with these secrets; with none it signs nothing.
    pub fn new(secrets: &[Secret]) -> Result<Self, NotASigningSecret> {
        let keys = secrets.iter().map(|secret| {
            let text = secret.expose();
            let key = BASE64.decode(text.strip_prefix(PREFIX).unwrap_or(text));
            key.ok().filter(|key| !key.is_empty()).map(SecretSlice::from).ok_or(NotASigningSecret)
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// The values of `webhook-timestamp` and, if there is a secret, of `webhook-signature`: one `v1` for each, in order.
    #[must_use]
    pub fn sign(&self, id: &str, now: Time, body: &[u8]) -> (String, Option<String>) {
        let timestamp = now.as_millis().div_euclid(1_000).to_string();
        let signatures: Vec<String> =
            self.keys.iter().filter_map(|key| signature(key, id, &timestamp, body)).collect();
        let joined = signatures.join(" ");
        (timestamp, (!joined.is_empty()).then_some(joined))
    }
}

/// An HMAC takes a key of any length, so there always is one.
fn signature(key: &SecretSlice<u8>, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const NEW: &str = "whsec_Y2FsbGJveC10ZXN0LXNlY3JldC1vZi1vdXJzIQ==";

    fn signer(secrets: &[&str]) -> Result<Signer, NotASigningSecret> {
        let secrets: Vec<_> = secrets.iter().map(|text| Secret::new((*text).to_owned())).collect();
        Signer::new(&secrets)
    }

    #[test]
    fn the_specification_s_own_example_comes_out() {
        let now = Time::from_millis(1_614_265_330_999);
        let (timestamp, signature) = signer(&[OLD]).unwrap().sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            now,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(timestamp, "1614265330");
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_published_library_accepts_each_of_our_signatures() {
        let now = crate::clock::Clock::now(&crate::clock::SystemClock::new());
        let (timestamp, signature) =
            signer(&[NEW, OLD]).unwrap().sign("evt_1", now, "{\"é\":1}".as_bytes());
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("webhook-id", "evt_1".parse().unwrap());
        headers.insert("webhook-timestamp", timestamp.parse().unwrap());
        headers.insert("webhook-signature", signature.unwrap().parse().unwrap());
        for secret in [OLD, NEW] {
            let webhook = standardwebhooks::Webhook::new(secret).unwrap();
            assert!(webhook.verify("{\"é\":1}".as_bytes(), &headers).is_ok(), "{secret}");
            assert!(webhook.verify(b"{}", &headers).is_err(), "{secret}");
        }
    }

    #[test]
    fn only_base64_secrets_sign_and_none_sign_nothing() {
        assert_eq!(signer(&[]).unwrap().sign("evt_1", Time::from_millis(0), b"").1, None);
        for good in [OLD, NEW, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_aGk"] {
            assert!(signer(&[good]).is_ok(), "{good}");
        }
        for bad in ["whsec_", "", "whsec_not base64", "hunter2!"] {
            assert!(signer(&[OLD, bad]).is_err(), "{bad}");
        }
    }
}
