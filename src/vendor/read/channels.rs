//! The words that vendors have for channels.

use crate::domain::event::Channel;

/// The channel that a vendor's word means, whatever its letter case, blanks, `_` and `-`; `Other` for a word we don't know.
#[must_use]
pub fn channel(word: &str) -> Channel {
    let mut word = word.to_ascii_lowercase();
    word.retain(|letter| letter.is_ascii_alphanumeric());
    match word.as_str() {
        "sms" => Channel::Sms,
        "whatsapp" | "wa" => Channel::Whatsapp,
        "viber" => Channel::Viber,
        "line" => Channel::Line,
        "linenotification" | "lon" => Channel::LineNotification,
        "zalonotification" | "zns" => Channel::ZaloNotification,
        "zalo" => Channel::Zalo,
        "rcs" | "googlercs" => Channel::Rcs,
        "messenger" | "facebook" | "facebookmessenger" | "fbmessenger" => Channel::Messenger,
        "instagram" => Channel::Instagram,
        "telegram" => Channel::Telegram,
        "wechat" => Channel::Wechat,
        "kakaotalk" | "kakao" => Channel::Kakaotalk,
        "webchat" | "website" | "livechat" | "web" => Channel::Webchat,
        "voice" => Channel::Voice,
        _ => Channel::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_matter() {
        for word in ["whatsapp", "WhatsApp", "whatsApp", "WHATS-APP"] {
            assert_eq!(channel(word), Channel::Whatsapp);
        }
        assert_eq!(channel("GoogleRCS"), Channel::Rcs);
        assert_eq!(channel("Line_Notification"), Channel::LineNotification);
        assert_eq!(channel("pigeon"), Channel::Other);
    }
}
