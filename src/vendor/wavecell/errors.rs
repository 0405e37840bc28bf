//! What the error codes in receipts mean: a short reason, and for WhatsApp the code of Meta's behind it.

use crate::domain::event::{Channel, MessageError};
use crate::vendor::read::Fields;

/// The code with which Viber says that all is well.
const VIBER_SUCCESS: &str = "2000";

/// Takes the error of a receipt, if there is one: some receipts of success say code 0 and an empty text.
pub(super) fn take(
    status: &mut Fields,
    provider_code: Option<String>,
    channel: Option<Channel>,
    failed: bool,
) -> Option<MessageError> {
    let code = status.peek("errorCode");
    let says_something = match code.as_deref() {
        None => failed && status.peek("errorMessage").is_some(),
        Some("0") => failed,
        Some(code) => code != VIBER_SUCCESS,
    };
    if !says_something && provider_code.is_none() {
        return None;
    }
    let code = status.text("errorCode");
    let reason = status.text("errorMessage");
    let known = code.as_deref().and_then(|code| find(code, channel));
    Some(MessageError {
        provider_code: provider_code
            .or_else(|| known.and_then(|known| known.meta).map(str::to_owned)),
        reason: reason.or_else(|| known.map(|known| known.reason.to_owned())),
        code,
    })
}

/// One code of 8x8's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ErrorCode {
    /// The code in `errorCode`.
    pub(super) code: u16,
    /// What it means, in a few words.
    pub(super) reason: &'static str,
    /// The code of Meta's that it stands for.
    pub(super) meta: Option<&'static str>,
}

/// The meaning of a code. SMS has its own table; the numbers are the same, the meanings are not.
pub(super) fn find(code: &str, channel: Option<Channel>) -> Option<&'static ErrorCode> {
    let code: u16 = code.trim().parse().ok()?;
    let table = if channel == Some(Channel::Sms) { SMS } else { MESSAGING_APPS };
    table.iter().find(|known| known.code == code)
}

const fn plain(code: u16, reason: &'static str) -> ErrorCode {
    ErrorCode { code, reason, meta: None }
}

const fn whatsapp(code: u16, meta: &'static str, reason: &'static str) -> ErrorCode {
    ErrorCode { code, reason, meta: Some(meta) }
}

/// Codes of messaging apps: below 1000 for every channel, 1000 and on WhatsApp, 2000 and on Viber.
pub(super) const MESSAGING_APPS: &[ErrorCode] = &[
    plain(1, "Not registered on this channel"),
    plain(2, "Kind of content not supported by this channel"),
    plain(3, "A required value is missing"),
    plain(9, "The recipient's app is too old"),
    plain(11, "Too many messages to this recipient"),
    plain(14, "Internal error"),
    plain(15, "Invalid or blocked destination"),
    plain(18, "Invalid or missing parameter"),
    plain(23, "Connection to the channel failed"),
    plain(25, "Not delivered on purpose by the channel"),
    plain(29, "Invalid parameter value"),
    plain(36, "Expired before it could be delivered"),
    plain(41, "Refused by the channel"),
    plain(42, "Not enough credit"),
    plain(43, "Stopped by the spam filter"),
    plain(46, "Recipient not reachable"),
    plain(57, "Unknown error"),
    plain(61, "Session expired"),
    plain(99, "Stopped by the fraud shield"),
    whatsapp(1000, "0", "Authentication failed"),
    whatsapp(1001, "3", "Method not allowed"),
    whatsapp(1002, "4", "Application rate limit reached"),
    whatsapp(1003, "10", "Permission missing"),
    whatsapp(1004, "33", "Business phone number deleted"),
    whatsapp(1005, "100", "Invalid parameter"),
    whatsapp(1006, "190", "Access token expired"),
    whatsapp(1007, "368", "Blocked for a time over a policy violation"),
    whatsapp(1008, "80007", "Business account rate limit reached"),
    whatsapp(1009, "130429", "Throughput exceeded"),
    whatsapp(1010, "130472", "Number is part of an experiment"),
    whatsapp(1011, "130497", "Business restricted in this country"),
    whatsapp(1012, "131000", "Unknown failure"),
    whatsapp(1013, "131005", "Access denied"),
    whatsapp(1014, "131008", "Required parameter missing"),
    whatsapp(1015, "131009", "Invalid parameter value"),
    whatsapp(1016, "131016", "Service unavailable"),
    whatsapp(1017, "131021", "Recipient is the sender"),
    whatsapp(1018, "131026", "Message undeliverable"),
    whatsapp(1019, "131031", "Account locked"),
    whatsapp(1020, "131037", "Display name not approved"),
    whatsapp(1021, "131045", "Wrong certificate"),
    whatsapp(1022, "131047", "Message window expired"),
    whatsapp(1023, "131048", "Spam rate limit reached"),
    whatsapp(1024, "131049", "Meta chose not to deliver"),
    whatsapp(1025, "131051", "Message type not supported"),
    whatsapp(1026, "131052", "Media download failed"),
    whatsapp(1027, "131053", "Media upload failed"),
    whatsapp(1028, "131056", "Too many messages between this pair"),
    whatsapp(1029, "131057", "Account under maintenance"),
    whatsapp(1030, "132000", "Wrong number of template parameters"),
    whatsapp(1031, "132001", "Template does not exist"),
    whatsapp(1032, "132005", "Template text too long"),
    whatsapp(1033, "132007", "Template violates a policy"),
    whatsapp(1034, "132012", "Wrong format of a template parameter"),
    whatsapp(1035, "132015", "Template paused"),
    whatsapp(1036, "132016", "Template disabled"),
    whatsapp(1037, "132068", "Flow blocked"),
    whatsapp(1038, "132069", "Flow throttled"),
    whatsapp(1039, "133000", "Deregistration incomplete"),
    whatsapp(1040, "133004", "Server unavailable"),
    whatsapp(1041, "133005", "Wrong two-step PIN"),
    whatsapp(1042, "133006", "Phone number has to be verified again"),
    whatsapp(1043, "133008", "Too many PIN guesses"),
    whatsapp(1044, "133009", "PIN guessed too fast"),
    whatsapp(1045, "133010", "Phone number not registered"),
    whatsapp(1046, "133015", "Wait before registering the phone number"),
    whatsapp(1047, "133016", "Too many registrations"),
    whatsapp(1048, "135000", "Unknown error in the request"),
    whatsapp(1049, "2593107", "Too many synchronisation requests"),
    whatsapp(1050, "2593108", "Synchronisation requested too late"),
    whatsapp(1051, "131050", "Recipient opted out of marketing"),
    whatsapp(1052, "138017", "WhatsApp error 138017"), // the vendor gives no words for these two
    whatsapp(1053, "138009", "WhatsApp error 138009"),
    whatsapp(1054, "131062", "Business-scoped user id not supported here"),
    plain(2000, "Sent"),
    plain(2001, "Internal error at Viber"),
    plain(2002, "Invalid service id"),
    plain(2003, "Malformed request"),
    plain(2004, "Message type not supported"),
    plain(2005, "Required value missing"),
    plain(2006, "Viber did not answer in time"),
    plain(2007, "Recipient blocked the sender"),
    plain(2008, "Not a Viber user"),
    plain(2009, "No suitable device"),
    plain(2010, "Address or service id not allowed"),
    plain(2012, "Missing or invalid label"),
    plain(2013, "Time to live out of range"),
    plain(2014, "Session message limit reached"),
    plain(2015, "File format not supported"),
    plain(2016, "File name too long"),
    plain(2017, "Thumbnail address too long"),
    plain(2018, "File too large"),
    plain(2019, "Video too long"),
    plain(2020, "Template not found"),
    plain(2021, "Template validation failed"),
    plain(2022, "Version does not fit the message"),
    plain(2023, "Invalid destination number"),
    plain(2024, "Invalid list message"),
    plain(2025, "Invalid carousel message"),
];

/// Codes of SMS.
pub(super) const SMS: &[ErrorCode] = &[
    plain(0, "No reason given"),
    plain(1, "Absent subscriber"),
    plain(2, "Content related error"),
    plain(3, "Data missing"),
    plain(4, "Delivery deferred"),
    plain(5, "Pending upstream"),
    plain(7, "Delivery failure"),
    plain(8, "Denied"),
    plain(9, "Equipment protocol error"),
    plain(10, "External error at the sending system"),
    plain(11, "Flooding"),
    plain(12, "Error in the home location register"),
    plain(13, "Illegal subscriber or equipment"),
    plain(14, "Internal error"),
    plain(15, "Invalid destination"),
    plain(16, "Invalid format"),
    plain(17, "Invalid message length"),
    plain(18, "Invalid parameter"),
    plain(19, "Invalid source address"),
    plain(20, "Cancelled locally"),
    plain(21, "Memory full"),
    plain(22, "Being retried"),
    plain(23, "Network failure"),
    plain(24, "Age verification failed"),
    plain(25, "Aborted by network or user"),
    plain(26, "Operation barred"),
    plain(27, "Permanent operator error"),
    plain(28, "Permanent phone error"),
    plain(29, "Phone related error"),
    plain(30, "Portability error"),
    plain(31, "Premium SMS error"),
    plain(32, "Subscriber is roaming"),
    plain(33, "Route error"),
    plain(34, "Screening error"),
    plain(35, "Service centre congested"),
    plain(36, "Expired"),
    plain(37, "SMS not supported"),
    plain(38, "Malformed SMS"),
    plain(39, "Cancelled by the service centre"),
    plain(40, "Service centre error"),
    plain(41, "Refused by the service centre"),
    plain(42, "Not enough credit"),
    plain(43, "Stopped by the spam filter"),
    plain(44, "Subscriber's account does not allow it"),
    plain(45, "Subscriber busy"),
    plain(46, "Subscriber not reachable"),
    plain(47, "Subscriber temporarily unavailable"),
    plain(48, "System failure"),
    plain(49, "Signalling error"),
    plain(50, "Throttled"),
    plain(51, "Timed out"),
    plain(52, "Answer could not be decoded"),
    plain(53, "Unexpected value"),
    plain(54, "Unexpected error"),
    plain(55, "Unidentified subscriber"),
    plain(56, "Unknown delivery state"),
    plain(57, "Unknown error"),
    plain(58, "Unknown service centre"),
    plain(59, "Unknown subscriber"),
    plain(60, "Content filtered"),
    plain(61, "Session expired"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_something_else_for_sms() {
        assert_eq!(find("1", Some(Channel::Sms)).unwrap().reason, "Absent subscriber");
        assert_eq!(
            find("1", Some(Channel::Viber)).unwrap().reason,
            "Not registered on this channel"
        );
        assert_eq!(find("1022", Some(Channel::Whatsapp)).unwrap().meta, Some("131047"));
        assert_eq!(find("1022", Some(Channel::Sms)), None);
        assert_eq!(find("none", None), None);
    }

    #[test]
    fn codes_rise_so_that_none_stands_twice() {
        for table in [MESSAGING_APPS, SMS] {
            assert!(table.is_sorted_by(|one, next| one.code < next.code));
        }
    }

    #[test]
    fn success_with_code_0_is_no_error_and_given_words_go_first() {
        let error = |status: &str, provider: Option<&str>, failed| {
            let mut status = Fields::parse(status.as_bytes()).unwrap();
            take(&mut status, provider.map(str::to_owned), Some(Channel::Whatsapp), failed)
        };
        let of = |code: Option<&str>, provider_code: Option<&str>, reason: Option<&str>| {
            let [code, provider_code, reason] =
                [code, provider_code, reason].map(|text| text.map(str::to_owned));
            Some(MessageError { code, provider_code, reason })
        };
        assert_eq!(error(r#"{"errorCode": 0, "errorMessage": ""}"#, None, false), None);
        assert_eq!(error(r#"{"errorCode": 0, "errorMessage": "ok"}"#, None, false), None);
        assert_eq!(error("{}", None, true), None);
        assert_eq!(error(r#"{"errorMessage": ""}"#, None, true), None);
        assert_eq!(error(r#"{"errorCode": 0}"#, None, true), of(Some("0"), None, None));
        assert_eq!(error(r#"{"errorCode": 2000}"#, None, false), None);
        assert_eq!(
            error(r#"{"errorCode": "1022"}"#, None, true),
            of(Some("1022"), Some("131047"), Some("Message window expired"))
        );
        assert_eq!(
            error(r#"{"errorCode": 15, "errorMessage": "No such user"}"#, Some("131009"), true),
            of(Some("15"), Some("131009"), Some("No such user"))
        );
        assert_eq!(error(r#"{"errorMessage": "why"}"#, None, true), of(None, None, Some("why")));
    }
}
