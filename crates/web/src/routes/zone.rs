//! The zone that a viewer reads times in.

use axum::{
    Form,
    extract::rejection::FormRejection,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::{
    clock::{Clock, ZONE_COOKIE, zone_named},
    headers::{led_from, local_path},
    pages::{Problem, ZonePage, answer},
};

/// The page itself.
const PATH: &str = "/zone";

/// Where the choice leads if nobody says where it began.
const BACK_DEFAULT: &str = "/mails";

/// A year: the choice is asked for again by nobody meanwhile.
const COOKIE_AGE_S: u32 = 365 * 24 * 60 * 60;

#[derive(Deserialize)]
pub(super) struct Choice {
    zone: String,
    /// The page to go back to.
    back: Option<String>,
}

/// `GET /zone`
pub(super) async fn choose(clock: Clock, headers: HeaderMap) -> Response {
    let back = led_from(&headers).filter(|path| !path.starts_with(PATH)).unwrap_or(BACK_DEFAULT);
    answer(StatusCode::OK, &ZonePage::new(&clock, back))
}

/// `POST /zone`: keeps the choice in a cookie, and nowhere else, and leads back to where the times were read.
pub(super) async fn set(choice: Result<Form<Choice>, FormRejection>) -> Result<Response, Problem> {
    let Form(choice) = choice.map_err(|_| Problem::unreadable_form())?;
    let zone = zone_named(choice.zone.trim()).map_err(Problem::no_such_zone)?;
    // The database's own spelling of the name, so that nothing of the request stands in the header.
    let name = zone.iana_name().unwrap_or("UTC");
    let back = choice.back.as_deref().and_then(local_path).unwrap_or(BACK_DEFAULT);
    let cookie = format!("{ZONE_COOKIE}={name}; Path=/; Max-Age={COOKIE_AGE_S}; SameSite=Lax");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(back)).into_response())
}
