//! The list of mails, and one of them.

use aftersend_store::{ArchivedMail, BodyState, QueryError, Store, Story, search::ExportFormat};
use axum::{
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use futures_util::stream;
use serde::Deserialize;
use uuid::Uuid;

use super::broken_off;
use crate::{
    bodies::{Bodies, beginning, sent_in_turn, without_links_to_resources},
    clock::Clock,
    headers::led_from,
    pages::{Back, BadRequest, BodyChoice, ListPage, ListRequest, MailPage, News, Params, Problem, answer},
};

/// Bytes of an id at most: as much as the widest of the columns that hold one takes, and some.
pub(super) const ID_BYTES_MAX: usize = 1_024;

/// What a mail's body may: be seen. Its own styles are part of it; links, forms, scripts and frames lead nowhere.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/sandbox>
const BODY_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
                           base-uri 'none'; frame-ancestors 'self'";

/// The same with pictures and fonts from elsewhere, once somebody has asked for them.
const BODY_POLICY_REMOTE: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline' https:; \
                                  img-src data: https:; font-src https:; form-action 'none'; \
                                  base-uri 'none'; frame-ancestors 'self'";

/// Recipients of a mail that are looked up in the blocklist at most: each takes a question.
const BLOCKS_ASKED_MAX: usize = 10;

/// Other mails of each kind that a mail's page shows.
const RELATED_SHOWN: usize = 5;

/// `GET /mails?q=…&order=…&older=…`
pub(super) async fn list(
    State(store): State<Store>,
    clock: Clock,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let params = readable(params)?;
    // What can be mended where it was typed is no page of its own.
    let request = match ListRequest::parse(params.clone()) {
        Ok(request) => request,
        Err(why) => return Ok(answer(StatusCode::BAD_REQUEST, &ListPage::refused(&params, &why, &clock))),
    };
    if let Some(path) = request.canonical() {
        return Ok(Redirect::to(&path).into_response());
    }
    if let Some(id) = request.possible_id() {
        match look_for(&store, id).await? {
            Where::Here(found) => return Ok(to_mail(&found)),
            Where::Away(away) => return Err(Problem::mail_away(&away, id)),
            Where::Nowhere => {}
        }
    }
    let search = request.search(&clock);
    // A list without its length, and with the mails' own states alone, is better than none.
    let (page, count) = store.search_and_count(&search).await.map_err(|error| Problem::store(&error))?;
    let uuids: Vec<Uuid> = page.mails.iter().map(|mail| mail.uuid).collect();
    let recipients = store.recipients_of(&uuids, search.query.address().as_deref()).await.unwrap_or_default();
    Ok(answer(StatusCode::OK, &ListPage::new(&request, &page, count, &recipients, &clock)))
}

/// `GET /mails/new?q=…&newer=…`: whether mails have come since, as a part of a page.
pub(super) async fn news(
    State(store): State<Store>,
    clock: Clock,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let params = readable(params)?;
    let told_already = params.told.clone();
    let request = listable(params)?;
    let Some(since) = request.since() else { return Err(Problem::bad_request(&BadRequest::Cursor)) };
    let new = store.count_newer(request.query(), &clock.for_search(), since).await;
    let new = new.map_err(|error| Problem::store(&error))?;
    Ok(match News::new(&request, new, told_already.as_deref()) {
        Some(news) => answer(StatusCode::OK, &news),
        // htmx leaves the page as it is.
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `GET /mails/export/{format}?q=…&order=…`: all mails that fit, sent as they are found.
pub(super) async fn export(
    State(store): State<Store>,
    clock: Clock,
    format: Result<Path<String>, PathRejection>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let format = match format.as_deref().map(String::as_str) {
        Ok("csv") => ExportFormat::Csv,
        Ok("ndjson") => ExportFormat::Ndjson,
        _ => return Err(Problem::no_such_page()),
    };
    let request = listable(readable(params)?)?;
    let mut export = store.export(request.query().clone(), clock.for_search(), request.order());
    // The first part decides whether there is an answer at all; of later ones only the end can tell.
    let first = export.next_batch().await.map_err(|error| Problem::store(&error))?;
    let name =
        format!("mails-{}.{}", clock.today(), if format == ExportFormat::Csv { "csv" } else { "ndjson" });
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    let parts =
        stream::try_unfold((export, Some(first), true), move |(mut export, ready, begins)| async move {
            let mails = match ready {
                Some(mails) => mails,
                None => export.next_batch().await.map_err(broken_off)?,
            };
            let mut part = if begins { format.header().to_owned() } else { String::new() };
            for mail in &mails {
                format.write(mail, &mut part);
            }
            let more = !mails.is_empty();
            Ok::<_, QueryError>((more || begins).then_some((part, (export, None, false))))
        });
    Ok((headers, Body::from_stream(parts)).into_response())
}

fn readable(params: Result<Query<Params>, QueryRejection>) -> Result<Params, Problem> {
    params.map(|Query(params)| params).map_err(|_| Problem::bad_request(&BadRequest::Query))
}

fn listable(params: Params) -> Result<ListRequest, Problem> {
    ListRequest::parse(params).map_err(|why| Problem::bad_request(&why))
}

/// `GET /mails/{uuid}`
pub(super) async fn mail(
    State(store): State<Store>,
    clock: Clock,
    uuid: Result<Path<String>, PathRejection>,
    params: Result<Query<MailParams>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = params.map(|Query(params)| params).unwrap_or_default();
    let choice = BodyChoice {
        with_pictures: params.pictures.as_deref() == Some("yes"),
        is_whole: params.body.as_deref() == Some("whole"),
    };
    let uuid = uuid.ok().and_then(|Path(uuid)| Uuid::try_parse(&uuid).ok());
    let uuid = uuid.ok_or_else(Problem::no_such_mail)?;
    let found = find(&store, &uuid.to_string()).await?;
    // An application's message id may look like a uuid, too. Every mail has one address.
    if found.mail.summary.uuid != uuid {
        return Ok(to_mail(&found));
    }
    // Its own story is what somebody came for; what is beside it may be missing. All of it is asked at once: an old mail's
    // is in places of the disk that nobody has read for long.
    let (related, blocked, body) = tokio::join!(
        store.related_mails(&found.mail.summary, RELATED_SHOWN),
        blocked(&store, &found),
        store.body_state(uuid)
    );
    let (related, body) = (related.unwrap_or_default(), body.unwrap_or(BodyState::None));
    Ok(answer(
        StatusCode::OK,
        &MailPage::new(&found, body, choice, &related, &blocked, back(&headers), &clock),
    ))
}

/// Which of the mail's recipients get no mail now, of the first few. What can't be told is left out.
async fn blocked(store: &Store, story: &Story) -> Vec<String> {
    let listed = story.recipients.iter().filter(|recipient| recipient.listed);
    let mut addresses: Vec<&str> =
        listed.map(|recipient| recipient.address.as_str()).take(BLOCKS_ASKED_MAX).collect();
    if addresses.is_empty() {
        addresses.push(&story.mail.summary.to);
    }
    let mut blocked = Vec::new();
    for address in addresses {
        if let Ok(Some(block)) = store.find_block(address).await
            && block.holds
        {
            blocked.push(block.address);
        }
    }
    blocked
}

/// The way back to where somebody has found the mail, as far as the browser tells.
fn back(headers: &HeaderMap) -> Back {
    let Some(path) = led_from(headers) else { return Back::all_mails() };
    if path.starts_with("/recipients/") {
        return Back::recipient(path);
    }
    let is_list = path == "/mails" || path.starts_with("/mails?");
    let params = path.parse().ok().filter(|_| is_list).and_then(|uri| Query::try_from_uri(&uri).ok());
    let request = params.and_then(|Query(params)| ListRequest::parse(params).ok());
    request.map_or_else(Back::all_mails, |request| Back::list(&request))
}

#[derive(Default, Deserialize)]
pub(super) struct MailParams {
    /// `yes` lets the body load pictures from elsewhere.
    pictures: Option<String>,
    /// `whole` shows all of a long body.
    body: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct BodyParams {
    /// `yes` loads pictures from elsewhere.
    remote: Option<String>,
    /// `yes` sends all of a long body.
    whole: Option<String>,
}

/// `GET /mails/{uuid}/body?remote=yes&whole=yes`: what somebody wrote, for the frame on the mail's page and for nothing else.
///
/// Opened alone it would be a page of its author's under this site's address, free to lead anywhere; and a link in it could ask for its
/// own pictures. Browsers say what a request is for, and who began it; what is in a sandbox begins nothing as this site.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Dest>
pub(super) async fn body(
    State(store): State<Store>,
    State(bodies): State<Bodies>,
    uuid: Result<Path<Uuid>, PathRejection>,
    params: Result<Query<BodyParams>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(uuid) = uuid.map_err(|_| Problem::no_such_mail())?;
    let Query(params) = params.map_err(|_| Problem::bad_request(&BadRequest::Query))?;
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|said| said == value);
    if !says("sec-fetch-dest", "iframe") {
        return Err(Problem::body_alone());
    }
    let is_remote = params.remote.as_deref() == Some("yes") && says("sec-fetch-site", "same-origin");
    let turn = bodies.turn().await.ok_or_else(Problem::too_many_bodies)?;
    let body = store.read_body(uuid).await.map_err(|error| Problem::store(&error))?;
    let body = body.ok_or_else(Problem::no_such_mail)?;
    // An HTML mail has tags; what has none is text, and read as HTML its lines would run together.
    let is_html = body.contains("</") || body.trim_start().starts_with('<');
    let body = if params.whole.as_deref() == Some("yes") { body } else { beginning(body) };
    let (content_type, body) = if is_html {
        ("text/html; charset=utf-8", without_links_to_resources(body))
    } else {
        ("text/plain; charset=utf-8", body.into_bytes())
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, if is_remote { BODY_POLICY_REMOTE } else { BODY_POLICY }),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, sent_in_turn(turn, body)).into_response())
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
    let found = find(&store, &id).await?;
    Ok(to_mail(&found))
}

/// Where a mail is that somebody asks for by an id.
enum Where {
    Here(Box<Story>),
    Away(ArchivedMail),
    Nowhere,
}

async fn look_for(store: &Store, id: &str) -> Result<Where, Problem> {
    if let Some(story) = store.find_story(id).await.map_err(|error| Problem::store(&error))? {
        return Ok(Where::Here(Box::new(story)));
    }
    let away = store.find_archived(id).await.map_err(|error| Problem::store(&error))?;
    Ok(away.map_or(Where::Nowhere, Where::Away))
}

async fn find(store: &Store, id: &str) -> Result<Story, Problem> {
    match look_for(store, id).await? {
        Where::Here(story) => Ok(*story),
        Where::Away(away) => Err(Problem::mail_away(&away, id)),
        Where::Nowhere => Err(Problem::no_such_mail()),
    }
}

fn to_mail(found: &Story) -> Response {
    Redirect::to(&format!("/mails/{}", found.mail.summary.uuid)).into_response()
}
