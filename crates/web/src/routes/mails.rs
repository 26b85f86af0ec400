//! The list of mails, and one of them.

use aftersend_store::{Store, Story};
use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use uuid::Uuid;

use crate::{
    clock::Clock,
    pages::{BadRequest, ListPage, ListRequest, MailPage, Params, Problem, answer},
};

/// Bytes of an id at most: as much as the widest of the columns that hold one takes, and some.
pub(super) const ID_BYTES_MAX: usize = 1_024;

/// `GET /mails?q=…&status=…&older=…`
pub(super) async fn list(
    State(store): State<Store>,
    clock: Clock,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(params) = params.map_err(|_| Problem::bad_request(BadRequest::Query))?;
    let request = ListRequest::parse(params).map_err(Problem::bad_request)?;
    if let Some(id) = request.possible_id()
        && let Some(found) = find(&store, id).await?
    {
        return Ok(to_mail(&found));
    }
    let search = request.search(&clock).map_err(Problem::bad_request)?;
    let page = store.search(&search).await.map_err(|error| Problem::store(&error))?;
    Ok(answer(StatusCode::OK, &ListPage::new(&request, &page, &clock)))
}

/// `GET /mails/{uuid}`
pub(super) async fn mail(
    State(store): State<Store>,
    clock: Clock,
    uuid: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let uuid = uuid.ok().and_then(|Path(uuid)| Uuid::try_parse(&uuid).ok());
    let uuid = uuid.ok_or_else(Problem::no_such_mail)?;
    let found = find(&store, &uuid.to_string()).await?.ok_or_else(Problem::no_such_mail)?;
    // An application's message id may look like a uuid, too. Every mail has one address.
    if found.mail.summary.uuid != uuid {
        return Ok(to_mail(&found));
    }
    Ok(answer(StatusCode::OK, &MailPage::new(&found, &clock)))
}

/// `GET /mails/by-id/{id}`: to the mail with this uuid, message id or SES id.
pub(super) async fn mail_by_id(
    State(store): State<Store>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Ok(Path(id)) = id else { return Err(Problem::no_such_mail()) };
    if id.len() > ID_BYTES_MAX {
        return Err(Problem::no_such_mail());
    }
    let found = find(&store, &id).await?.ok_or_else(Problem::no_such_mail)?;
    Ok(to_mail(&found))
}

async fn find(store: &Store, id: &str) -> Result<Option<Story>, Problem> {
    store.find_story(id).await.map_err(|error| Problem::store(&error))
}

fn to_mail(found: &Story) -> Response {
    Redirect::to(&format!("/mails/{}", found.mail.summary.uuid)).into_response()
}
