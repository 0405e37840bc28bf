//! Errors as RFC 9457 problems, from one table: each with its code, its status, and what to do.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

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
    /// The trouble is ours.
    Unavailable,
}

impl Code {
    /// The code on the wire, its status, and its title.
    fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is nothing here"),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "This path does not take this method",
            ),
            Self::InvalidParameter => {
                ("invalid_parameter", StatusCode::BAD_REQUEST, "A parameter can't be read")
            }
            Self::Unauthorized => {
                ("unauthorized", StatusCode::UNAUTHORIZED, "A valid key is needed")
            }
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "The key may not do this"),
            Self::Unauthentic => {
                ("unauthentic", StatusCode::UNAUTHORIZED, "The callback is not authentic")
            }
            Self::TooSlow => {
                ("too_slow", StatusCode::REQUEST_TIMEOUT, "The body did not come in time")
            }
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::BrokenOff => ("broken_off", StatusCode::BAD_REQUEST, "The body broke off"),
            Self::TooMany => ("too_many", StatusCode::TOO_MANY_REQUESTS, "Too many callbacks"),
            Self::Conflict => {
                ("conflict", StatusCode::CONFLICT, "This can't be done as things stand")
            }
            Self::Unavailable => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment")
            }
        }
    }
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
        self.code.row().1
    }

    fn error_response(&self) -> HttpResponse {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            title: &'a str,
            status: u16,
            code: &'a str,
            detail: &'a str,
        }
        let (code, status, title) = self.code.row();
        let body = Body {
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
