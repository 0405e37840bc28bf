//! Errors as RFC 9457 problems, from one table: each with its code, its status, and what to do.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Time;
use crate::store::StoreError;

/// Seconds after which a sender may try again when the trouble is ours.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The same where there is no room on the disk: that takes longer.
const RETRY_AFTER_FULL: HeaderValue = HeaderValue::from_static("30");

/// What went wrong, as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// There is nothing at this path.
    NotFound,
    /// The path is right, the method is not.
    MethodNotAllowed,
    /// A parameter can't be read.
    InvalidParameter,
    /// No key, or not a valid one.
    Unauthorized,
    /// The key may not do this.
    Forbidden,
    /// Too many wrong keys came from one address.
    TooManyFailures,
    /// A callback is not from whom it says.
    Unauthentic,
    /// A body did not come in time.
    TooSlow,
    /// A body is larger than its source takes.
    TooLarge,
    /// A request's connection broke off.
    BrokenOff,
    /// A source brings more than it may.
    TooMany,
    /// What was asked for can't be done as things stand.
    Conflict,
    /// What was asked for was removed with a person.
    Erased,
    /// The trouble is ours.
    Unavailable,
}

/// A row of the table of errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The code on the wire.
    pub(super) code: &'static str,
    /// Its status.
    pub(super) status: StatusCode,
    /// What it is, in a few words.
    pub(super) title: &'static str,
    /// What to do about it.
    pub(super) remedy: &'static str,
}

const fn row(
    code: &'static str,
    status: StatusCode,
    title: &'static str,
    remedy: &'static str,
) -> Row {
    Row { code, status, title, remedy }
}

impl Code {
    /// Every code, in the order of their statuses.
    pub(super) const ALL: [Self; 14] = [
        Self::InvalidParameter,
        Self::BrokenOff,
        Self::Unauthorized,
        Self::Unauthentic,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::TooSlow,
        Self::Conflict,
        Self::Erased,
        Self::TooLarge,
        Self::TooMany,
        Self::TooManyFailures,
        Self::Unavailable,
    ];

    /// The table: code, status, title, and what to do.
    #[expect(clippy::too_many_lines, reason = "it is the table")]
    pub(super) const fn row(self) -> Row {
        match self {
            Self::InvalidParameter => row(
                "invalid_parameter",
                StatusCode::BAD_REQUEST,
                "A parameter can't be read",
                "`detail` names the parameter and what is allowed. Put it right; the same request will fail again.",
            ),
            Self::BrokenOff => row(
                "broken_off",
                StatusCode::BAD_REQUEST,
                "The body broke off",
                "Send it again, whole.",
            ),
            Self::Unauthorized => row(
                "unauthorized",
                StatusCode::UNAUTHORIZED,
                "A valid key is needed",
                "Send `Authorization: Bearer KEY` with a key that `callbox keys new` made and that has not expired.",
            ),
            Self::Unauthentic => row(
                "unauthentic",
                StatusCode::UNAUTHORIZED,
                "The callback is not authentic",
                "Compare the vendor's secret with the source's. The callback was kept: once that is put right, read it again.",
            ),
            Self::Forbidden => row(
                "forbidden",
                StatusCode::FORBIDDEN,
                "The key may not do this",
                "Use a key with the scope that `detail` names.",
            ),
            Self::NotFound => row(
                "not_found",
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "Look at the path and the id. What is too old has been removed; what is of a source that the key is not for is not there either.",
            ),
            Self::MethodNotAllowed => row(
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "This path does not take this method",
                "Use a method that the header `Allow` names.",
            ),
            Self::TooSlow => row(
                "too_slow",
                StatusCode::REQUEST_TIMEOUT,
                "The body did not come in time",
                "Send it again, faster.",
            ),
            Self::Conflict => row(
                "conflict",
                StatusCode::CONFLICT,
                "This can't be done as things stand",
                "`detail` says why. Look at it again; it may have changed by then.",
            ),
            Self::Erased => row(
                "erased",
                StatusCode::GONE,
                "It was erased with a person",
                "Nobody has it any more. `detail` says since when; backups of before then may still have it.",
            ),
            Self::TooLarge => row(
                "too_large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
                "Send less at a time, or raise the source's `max_body`.",
            ),
            Self::TooMany => row(
                "too_many",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many callbacks",
                "Send them again after as many seconds as the header `Retry-After` says, or raise the source's `rate`.",
            ),
            Self::TooManyFailures => row(
                "too_many_failures",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong keys came from this address",
                "Put the key right, and wait as many seconds as the header `Retry-After` says.",
            ),
            Self::Unavailable => row(
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "Try again in a moment",
                "The trouble is on this side and may pass. Try again after as many seconds as the header `Retry-After` says.",
            ),
        }
    }

    /// Whether it can be of the API; the others are of the vendors' listener alone.
    pub(super) const fn is_of_the_api(self) -> bool {
        !matches!(self, Self::Unauthentic | Self::TooMany)
    }

    /// An answer with it, for the document.
    pub(super) fn example(self) -> Value {
        let row = self.row();
        let told = ProblemTold {
            kind: "about:blank",
            title: row.title,
            status: row.status.as_u16(),
            code: row.code,
            detail: row.remedy,
        };
        json!({ "summary": row.title, "value": told })
    }
}

/// An error as it is answered: RFC 9457.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct ProblemTold<'a> {
    /// Always `about:blank`: go by `code`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// What it is, in a few words; the same for all of one code.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What it is, for programs.
    code: &'a str,
    /// What is wrong with this request, for people.
    detail: &'a str,
}

/// An error as it is answered.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    code: Code,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem; `detail` says what, where, and what to do.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        let mut headers = Vec::new();
        if code == Code::Unavailable {
            headers.push((header::RETRY_AFTER, RETRY_AFTER));
        }
        if code == Code::Unauthorized {
            headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        Self { code, detail: detail.into(), headers }
    }

    /// Something was removed with a person.
    pub(super) fn erased(what: &str, at: Time) -> Self {
        Self::new(Code::Erased, format!("{what} was removed at {at}, when a person was erased"))
    }

    /// The same, with one header more.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// That there is no such thing.
    pub(super) fn missing(what: &str, name: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} `{name}`"))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a request was answered 503");
        let full = matches!(error, StoreError::Full(_));
        let detail = match error {
            StoreError::Busy => "more is waiting than the store takes on",
            StoreError::Closed => "callbox is stopping",
            StoreError::Full(_) => "the disk is full",
            StoreError::Failed(_) => "the store failed; its log says more",
        };
        let problem = Self::new(Code::Unavailable, detail);
        if full { problem.with(header::RETRY_AFTER, RETRY_AFTER_FULL) } else { problem }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.row().status
    }

    fn error_response(&self) -> HttpResponse {
        let Row { code, status, title, .. } = self.code.row();
        let body = ProblemTold {
            kind: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail: &self.detail,
        };
        let mut response = HttpResponse::build(status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        response.body(serde_json::to_string(&body).unwrap_or_default())
    }
}
