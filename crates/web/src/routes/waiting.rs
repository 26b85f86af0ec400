//! What waits: messages in quarantine, and parked events. Looked at, read anew, dropped.

use std::sync::Arc;

use aftersend_store::{ParkedFilter, QuarantineFilter, Store};
use axum::{
    Form,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use uuid::Uuid;

use super::mails::ID_BYTES_MAX;
use crate::{
    Reread, Site,
    clock::Clock,
    notes::{Note, Notes},
    pages::{
        BadRequest, Notice, PARKED_PAGE_EVENTS, ParkedListPage, Problem, QUARANTINE_PAGE_MESSAGES,
        QuarantineListPage, QuarantinedPage, answer, parked_cursor,
    },
    text,
};

/// The path of the quarantine.
const QUARANTINE: &str = "/quarantine";

/// The path of the parked events.
const PARKED: &str = "/parked";

/// What a page is told of the change that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Settled,
    Refused,
    Gone,
    Dropped,
}

impl Done {
    fn note(self) -> Note {
        Note::Said(match self {
            Self::Settled => {
                Notice::good("The message was read: its event is stored, and it has left the quarantine.")
            }
            Self::Refused => Notice::bad(
                "The message was read again and refused again; the reason is the one that holds now.",
            ),
            Self::Gone => Notice::bad("That message is not in quarantine any more."),
            Self::Dropped => Notice::good("Dropped for good."),
        })
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Params {
    before: Option<String>,
    id: Option<String>,
    note: Option<String>,
}

fn read<T>(params: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    params.map(|Query(params)| params).map_err(|_| Problem::bad_request(&BadRequest::Query))
}

/// `GET /quarantine?before=…`
pub(super) async fn quarantine(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    clock: Clock,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let params = read(params)?;
    let before = params.before.map(|uuid| uuid.parse::<Uuid>()).transpose();
    let before = before.map_err(|_| Problem::bad_request(&BadRequest::Cursor))?;
    let listed = store.list_quarantine(&QuarantineFilter::default(), before, QUARANTINE_PAGE_MESSAGES).await;
    let page = listed.map_err(|error| Problem::store(&error))?;
    let notice = notes.take_notice(QUARANTINE, params.note.as_deref());
    Ok(answer(StatusCode::OK, &QuarantineListPage::new(&page, before, notice, &clock)))
}

/// `GET /quarantine/{uuid}`
pub(super) async fn quarantined(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    clock: Clock,
    uuid: Result<Path<Uuid>, PathRejection>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let Path(uuid) = uuid.map_err(|_| Problem::no_such_message())?;
    let filter = QuarantineFilter { uuids: Some(vec![uuid]), ..QuarantineFilter::default() };
    let messages = store.read_quarantine(&filter, None, 1).await.map_err(|error| Problem::store(&error))?;
    let message = messages.first().ok_or_else(Problem::no_such_message)?;
    let notice = notes.take_notice(&format!("{QUARANTINE}/{uuid}"), read(params)?.note.as_deref());
    Ok(answer(StatusCode::OK, &QuarantinedPage::new(message, notice, &clock)))
}

/// `POST /quarantine/{uuid}/reread`
pub(super) async fn reread(
    State(site): State<Site>,
    State(notes): State<Arc<Notes>>,
    uuid: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(uuid) = uuid.map_err(|_| Problem::no_such_message())?;
    let path = match site.rereading().reread(uuid).await.map_err(|reason| Problem::not_now(&reason))? {
        Reread::Settled => notes.leave(QUARANTINE, Done::Settled.note()),
        Reread::Gone => notes.leave(QUARANTINE, Done::Gone.note()),
        // The message has its reason of now.
        Reread::Refused(_) => notes.leave(&format!("{QUARANTINE}/{uuid}"), Done::Refused.note()),
    };
    Ok(Redirect::to(&path).into_response())
}

/// `POST /quarantine/{uuid}/drop`
pub(super) async fn drop_quarantined(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    uuid: Result<Path<Uuid>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(uuid) = uuid.map_err(|_| Problem::no_such_message())?;
    let dropped =
        store.drop_quarantined(&[uuid]).await.map_err(|error| Problem::not_now(&error.to_string()))?;
    let done = if dropped == 0 { Done::Gone } else { Done::Dropped };
    Ok(Redirect::to(&notes.leave(QUARANTINE, done.note())).into_response())
}

/// `GET /parked?id=…&before=…`
pub(super) async fn parked(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    clock: Clock,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let params = read(params)?;
    let before = match &params.before {
        Some(text) => Some(parked_cursor(text).ok_or_else(|| Problem::bad_request(&BadRequest::Cursor))?),
        None => None,
    };
    let id = params.id.filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.contains('\0'));
    let filter = ParkedFilter { aws_message_id: id, before };
    let listed = store.list_parked(&filter, PARKED_PAGE_EVENTS).await;
    let page = listed.map_err(|error| Problem::store(&error))?;
    let notice = notes.take_notice(PARKED, params.note.as_deref());
    let of = filter.aws_message_id.as_deref();
    Ok(answer(StatusCode::OK, &ParkedListPage::new(&page, of, before.is_none(), notice, &clock)))
}

#[derive(Deserialize)]
pub(super) struct OfMail {
    id: String,
}

/// `POST /parked/drop`: all that waits for one mail.
pub(super) async fn drop_parked(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    form: Result<Form<OfMail>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(OfMail { id }) = form.map_err(|_| Problem::unreadable_form())?;
    if id.len() > ID_BYTES_MAX || id.contains('\0') {
        return Err(Problem::unreadable_form());
    }
    let dropped = store.drop_parked(&id).await.map_err(|error| Problem::not_now(&error.to_string()))?;
    let path = if dropped == 0 {
        format!("{PARKED}?id={}", text::url_encoded(&id))
    } else {
        notes.leave(PARKED, Done::Dropped.note())
    };
    Ok(Redirect::to(&path).into_response())
}
