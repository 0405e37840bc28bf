//! Paths that end with an id of the vendor's, in which anything may stand.

use actix_web::HttpRequest;
use percent_encoding::percent_decode_str;

use super::problem::{Code, Problem};
use crate::domain::name::Name;

/// The source's name and the id behind `prefix`. `what` they name is missing if the source can't be one.
pub(super) fn source_and_id(
    request: &HttpRequest,
    prefix: &str,
    what: &str,
) -> Result<(Name, String), Problem> {
    // The path as it was sent: a router would have decoded some of it already.
    let below = request.path().strip_prefix(prefix).unwrap_or_default();
    let (source, id) = below.split_once('/').unwrap_or((below, ""));
    let id = percent_decode_str(id).decode_utf8().map_err(|_| {
        let detail = format!("the {what}'s id in the path is not percent-encoded UTF-8");
        Problem::new(Code::InvalidParameter, detail)
    })?;
    let source = source.parse().map_err(|_| Problem::missing(what, &id))?;
    Ok((source, id.into_owned()))
}
