//! Addresses: one of them, and those that are blocked.

use std::sync::Arc;

use aftersend_store::{
    BlockLineError, BlockLines, Blocked, BlocklistQuery, CSV_HEADER, Cursor, NewBlock, QueryError, Store,
    csv_line,
};
use axum::{
    Form,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use futures_util::stream;
use jiff::civil::Date;
use serde::Deserialize;

use super::broken_off;
use crate::{
    clock::Clock,
    notes::{Note, Notes},
    pages::{
        BLOCKLIST_PAGE_BLOCKS, BadRequest, BlocklistListPage, IMPORT_BYTES_MAX, Imported, Notice, Problem,
        RECIPIENT_PAGE_MAILS, RecipientPage, answer, recipient_path,
    },
};

/// The path of the blocklist.
const BLOCKLIST: &str = "/blocklist";

/// Bytes of the form of an import at most. An address has none of the characters that take three for one, or few; a list
/// that is written in such alone still fits.
pub(super) const IMPORT_FORM_BYTES_MAX: usize = 3 * IMPORT_BYTES_MAX + 1_024;

/// Bytes of an address at most: what the widest column takes.
const ADDRESS_BYTES_MAX: usize = 2_600;

/// Blocks of one part of an export.
const EXPORT_BLOCKS: usize = 1_000;

/// What a page is told of the change that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Blocked,
    Held,
    Unblocked,
    Unknown,
}

impl Done {
    fn note(self) -> Note {
        Note::Said(match self {
            Self::Blocked => Notice::good("The address is blocked."),
            Self::Held => {
                Notice::good("The address was blocked already, for as long at least; nothing was changed.")
            }
            Self::Unblocked => Notice::good("The address is off the blocklist."),
            Self::Unknown => Notice::bad("The address was not on the blocklist."),
        })
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Params {
    q: Option<String>,
    reason: Option<String>,
    after: Option<String>,
    older: Option<String>,
    note: Option<String>,
}

fn read(params: Result<Query<Params>, QueryRejection>) -> Result<Params, Problem> {
    params.map(|Query(params)| params).map_err(|_| Problem::bad_request(&BadRequest::Query))
}

/// `GET /recipients/{address}?older=…`
pub(super) async fn recipient(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    clock: Clock,
    address: Result<Path<String>, PathRejection>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let Path(address) = address.map_err(|_| Problem::no_such_page())?;
    if address.len() > ADDRESS_BYTES_MAX || address.trim().is_empty() {
        return Err(Problem::no_such_page());
    }
    let params = read(params)?;
    let older = params.older.map(|cursor| cursor.parse::<Cursor>()).transpose();
    let older = older.map_err(|_| Problem::bad_request(&BadRequest::Cursor))?;
    let report = store.find_address(&address).await?;
    let mails = store.list_mails_to(&address, older, RECIPIENT_PAGE_MAILS).await;
    let mails = mails.map_err(|error| Problem::store(&error))?;
    let notice = notes.take_notice(&recipient_path(&address), params.note.as_deref());
    Ok(answer(StatusCode::OK, &RecipientPage::new(&report, &mails, older.is_none(), notice, &clock)))
}

/// `GET /blocklist?q=…&after=…`
pub(super) async fn blocklist(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    clock: Clock,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, Problem> {
    let params = read(params)?;
    let text = params.q.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let query = BlocklistQuery {
        text,
        reason: params.reason.filter(|reason| !reason.is_empty() && !reason.contains('\0')),
        after: params.after,
        blocks_max: BLOCKLIST_PAGE_BLOCKS,
        ..BlocklistQuery::default()
    };
    let page = store.list_blocklist(&query).await.map_err(|error| Problem::store(&error))?;
    // A list without its length is better than none.
    let count = store.count_blocklist(&query).await.ok();
    let told = notes.take(BLOCKLIST, params.note.as_deref());
    Ok(answer(StatusCode::OK, &BlocklistListPage::new(&page, &query, count, told, &clock)))
}

#[derive(Debug, Deserialize)]
pub(super) struct CauseParams {
    address: String,
}

/// `GET /blocklist/cause?address=…`: to the mail whose bounce or complaint blocks an address; where none is known any more, to
/// the address's page. Looked up only when somebody asks.
pub(super) async fn cause(
    State(store): State<Store>,
    params: Result<Query<CauseParams>, QueryRejection>,
) -> Result<Redirect, Problem> {
    let Query(CauseParams { address }) = params.map_err(|_| Problem::bad_request(&BadRequest::Query))?;
    if address.len() > ADDRESS_BYTES_MAX || address.trim().is_empty() {
        return Err(Problem::no_such_page());
    }
    let report = store.find_address(&address).await?;
    Ok(Redirect::to(&match report.cause {
        Some(cause) => format!("/mails/{}", cause.mail),
        None => recipient_path(&address),
    }))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    address: String,
    reason: String,
    until: Option<String>,
}

/// `POST /blocklist/add`
pub(super) async fn add(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    clock: Clock,
    form: Result<Form<Wanted>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(wanted) = form.map_err(|_| Problem::unreadable_form())?;
    let until = wanted.until.filter(|until| !until.trim().is_empty());
    let until = until.map(|day| day.trim().parse::<Date>()).transpose();
    let until = until.map_err(|_| Problem::unreadable_form())?;
    if until.is_some_and(|day| day < clock.today()) {
        return Err(Problem::past_block());
    }
    // The day itself still belongs to it.
    let expires_at = until.and_then(|day| day.tomorrow().ok()).map(|day| clock.beginning_of(day));
    let block = NewBlock::new(&wanted.address, &wanted.reason, expires_at).map_err(Problem::no_block)?;
    let blocked = store.block(&block, None).await.map_err(|error| Problem::not_now(&error.to_string()))?;
    let done = match blocked {
        Blocked::Added | Blocked::Strengthened => Done::Blocked,
        Blocked::Held => Done::Held,
    };
    Ok(Redirect::to(&notes.leave(&recipient_path(block.address()), done.note())).into_response())
}

#[derive(Deserialize)]
pub(super) struct Unwanted {
    address: String,
    /// Whether the blocklist, and not the address's page, is to say what became of it.
    #[serde(default)]
    stay: Option<String>,
}

/// `POST /blocklist/remove`
pub(super) async fn remove(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    form: Result<Form<Unwanted>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(Unwanted { address, stay }) = form.map_err(|_| Problem::unreadable_form())?;
    if address.len() > ADDRESS_BYTES_MAX {
        return Err(Problem::unreadable_form());
    }
    let removed = store.unblock(&address).await.map_err(|error| Problem::not_now(&error.to_string()))?;
    let done = if removed.is_some() { Done::Unblocked } else { Done::Unknown };
    let path = if stay.is_some() { BLOCKLIST.to_owned() } else { recipient_path(&address) };
    Ok(Redirect::to(&notes.leave(&path, done.note())).into_response())
}

#[derive(Deserialize)]
pub(super) struct Lines {
    lines: String,
}

/// `POST /blocklist/import`: lines that can be read are blocked, the others are told.
pub(super) async fn import(
    State(store): State<Store>,
    State(notes): State<Arc<Notes>>,
    form: Result<Form<Lines>, FormRejection>,
) -> Result<Response, Problem> {
    let form = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::import_too_long(),
        _ => Problem::unreadable_form(),
    });
    let Form(Lines { lines }) = form?;
    if lines.len() > IMPORT_BYTES_MAX {
        return Err(Problem::import_too_long());
    }
    let mut imported = Imported::default();
    let mut blocks = Vec::new();
    let texts: Vec<&str> = lines.split('\n').collect();
    for line in BlockLines::new(lines.as_bytes()) {
        match line {
            Ok(block) => blocks.push(block),
            Err(
                fault @ (BlockLineError::Line { line, problem: _ } | BlockLineError::Read { line, error: _ }),
            ) => {
                let place = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
                imported.fault(fault.to_string(), texts.get(place).copied().unwrap_or_default());
            }
        }
    }
    let counts =
        store.block_all(&blocks, None).await.map_err(|error| Problem::not_now(&error.to_string()))?;
    (imported.added, imported.strengthened, imported.held) = (counts.added, counts.strengthened, counts.held);
    Ok(Redirect::to(&notes.leave(BLOCKLIST, Note::Imported(imported))).into_response())
}

/// `GET /blocklist/export`: the whole list, sent as it is read.
pub(super) async fn export(State(store): State<Store>, clock: Clock) -> Result<Response, Problem> {
    let begin = BlocklistQuery { blocks_max: EXPORT_BLOCKS, ..BlocklistQuery::default() };
    // The first part decides whether there is an answer at all; of later ones only the end can tell.
    let first = store.list_blocklist(&begin).await.map_err(|error| Problem::store(&error))?;
    let name = format!("blocklist-{}.csv", clock.today());
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    let begins = (CSV_HEADER.to_owned(), Some(first));
    let parts = stream::try_unfold((store, Some((begin, begins))), |(store, next)| async move {
        let Some((query, (mut part, ready))) = next else { return Ok(None) };
        let page = match ready {
            Some(page) => page,
            None => store.list_blocklist(&query).await.map_err(broken_off)?,
        };
        part.extend(page.blocks.iter().map(csv_line));
        let next =
            page.after.map(|after| (BlocklistQuery { after: Some(after), ..query }, (String::new(), None)));
        Ok::<_, QueryError>(Some((part, (store, next))))
    });
    Ok((headers, Body::from_stream(parts)).into_response())
}
