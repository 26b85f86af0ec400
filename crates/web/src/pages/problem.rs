//! The page for what can't be shown: what is wrong, and what to do now.

use aftersend_store::{
    ArchivedMail, ArchivedState, BadBlock, FiguresError, QueryError, schema::MigrateError,
};
use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;

use super::{Frame, answer, list::BadRequest};
use crate::{clock::NoSuchZone, period::NoPeriod};

/// Something that can't be shown.
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    sentences: Vec<String>,
    way_out: Option<WayOut>,
}

struct WayOut {
    path: &'static str,
    text: &'static str,
}

const TO_LIST: Option<WayOut> = Some(WayOut { path: "/mails", text: "To the list of mails" });

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

impl Problem {
    /// 404 for a path that leads nowhere.
    pub(crate) fn no_such_page() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title: "There is no such page",
            sentences: vec!["The address leads nowhere. Mails are found from the list.".to_owned()],
            way_out: TO_LIST,
        }
    }

    /// 404 for an id that no mail has.
    pub(crate) fn no_such_mail() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title: "No mail has this id",
            sentences: vec![
                "A mail is found by its uuid here, by its message id, or by the id that SES gave it; all of \
                 them whole and to the letter."
                    .to_owned(),
                "If it was sent a moment ago, its first event may not have arrived; if it was deleted, its story \
                 is gone from here. Its recipient may still lead to it, or to others like it."
                    .to_owned(),
            ],
            way_out: TO_LIST,
        }
    }

    /// 404 for a mail that was here, and says where it went.
    pub(crate) fn mail_away(mail: &ArchivedMail, id: &str) -> Self {
        let day = |at: Option<Timestamp>| {
            at.map_or(String::new(), |at| format!(" on {}", at.strftime("%-d %B %Y")))
        };
        let (title, sentence) = match mail.state {
            ArchivedState::Archived => {
                let object =
                    mail.object.as_deref().map_or(String::new(), |name| format!(", in the object {name}"));
                let archived = day(mail.archived_at);
                let restore = format!("aftersend archive restore --mail {id}");
                (
                    "This mail is in the archive",
                    format!("It was archived{archived}{object}. “{restore}” brings it back."),
                )
            }
            ArchivedState::Deleted => {
                let deleted = day(mail.removed_at);
                (
                    "This mail was deleted",
                    format!("It was deleted{deleted}, as old mails are. Nothing of it is left."),
                )
            }
            ArchivedState::Erased => (
                "This mail was erased",
                "It was erased for a person’s sake. Nothing of it is left here, and no restore brings it back."
                    .to_owned(),
            ),
        };
        Self { status: StatusCode::NOT_FOUND, title, sentences: vec![sentence], way_out: TO_LIST }
    }

    /// 400 for a request that makes no sense.
    pub(crate) fn bad_request(why: &BadRequest) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "This can’t be listed",
            sentences: vec![why.to_string()],
            way_out: TO_LIST,
        }
    }

    /// 400 for a form that is not one of this site's.
    pub(crate) fn unreadable_form() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "The form can’t be read",
            sentences: vec!["Something of it is missing, or it is too long. Nothing was changed.".to_owned()],
            way_out: TO_LIST,
        }
    }

    /// 413 for a list that is longer than may be imported at once.
    pub(crate) fn import_too_long() -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            title: "The list is too long",
            sentences: vec![
                "At most 1 MB can be imported at a time, which is about 30,000 addresses. Nothing was changed; import the list in \
                 parts."
                    .to_owned(),
            ],
            way_out: Some(WayOut { path: "/blocklist", text: "To the blocklist" }),
        }
    }

    /// 400 for a period that there is not.
    pub(crate) fn no_period(why: NoPeriod) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "There is no such period",
            sentences: vec![why.to_string()],
            way_out: Some(WayOut { path: "/", text: "To the overview" }),
        }
    }

    /// 404 for a message that is not in quarantine.
    pub(crate) fn no_such_message() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            title: "No message in quarantine has this id",
            sentences: vec![
                "It may have been read anew meanwhile, and its event be stored; or somebody has dropped it."
                    .to_owned(),
            ],
            way_out: Some(WayOut { path: "/quarantine", text: "To the quarantine" }),
        }
    }

    /// 403 for a mail's body outside of its frame.
    pub(crate) fn body_alone() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "A mail’s body is shown on its mail’s page only",
            sentences: vec![
                "Alone it would be a page of whoever wrote it, under this site’s address. On the mail’s page it stands in a frame in \
                 which nothing of it runs."
                    .to_owned(),
            ],
            way_out: TO_LIST,
        }
    }

    /// 503 where others look at bodies at this very time.
    pub(crate) fn too_many_bodies() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "Other bodies are being looked at",
            sentences: vec![
                "A body may be large, so that few are shown at a time. Load the mail’s page again in a moment.".to_owned(),
            ],
            way_out: None,
        }
    }

    /// 503 for a schema that can't be looked at.
    pub(crate) fn schema(error: &MigrateError) -> Self {
        tracing::error!(%error, "the schema could not be looked at");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "The schema can’t be looked at",
            sentences: vec![
                format!("What happened: {}.", error.to_string().replace('`', "").trim_end_matches('.')),
                "The command aftersend doctor tells what else is wrong.".to_owned(),
            ],
            way_out: Some(WayOut { path: "/feeds", text: "To the feeds" }),
        }
    }

    /// 503 for a change that can't be made at the moment. The reason holds no value of any row.
    pub(crate) fn not_now(reason: &str) -> Self {
        tracing::error!(reason, "a change that somebody asked for on the site failed");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "This could not be done",
            sentences: vec![
                format!("What happened: {}.", reason.replace('`', "").trim_end_matches('.')),
                "Look whether a part of it was done before you try again; doing so twice does no harm."
                    .to_owned(),
            ],
            way_out: Some(WayOut { path: "/feeds", text: "To the feeds" }),
        }
    }

    /// 400 for what can't be blocked.
    pub(crate) fn no_block(why: BadBlock) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "This can’t be blocked",
            sentences: vec![
                format!("What is wrong: {}.", why.to_string().replace('`', "")),
                "Nothing was changed.".to_owned(),
            ],
            way_out: Some(WayOut { path: "/blocklist", text: "To the blocklist" }),
        }
    }

    /// 400 for a block whose end is over.
    pub(crate) fn past_block() -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "This can’t be blocked",
            sentences: vec!["The last day of the block is over already. Nothing was changed.".to_owned()],
            way_out: Some(WayOut { path: "/blocklist", text: "To the blocklist" }),
        }
    }

    /// 400 for a time zone that there is not.
    pub(crate) fn no_such_zone(error: NoSuchZone) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            title: "There is no such time zone",
            sentences: vec![error.to_string()],
            way_out: Some(WayOut { path: "/zone", text: "To the choice of zones" }),
        }
    }

    /// 405 for a method that the path does not know.
    pub(crate) fn wrong_method() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            title: "This can’t be done here",
            sentences: vec!["The page at this address does not take requests of this kind.".to_owned()],
            way_out: TO_LIST,
        }
    }

    /// 403 for a change that a page elsewhere asks for.
    pub(crate) fn foreign_origin() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            title: "Only this site’s own pages may ask for this",
            sentences: vec![
                "The request does not say that it comes from a page of this site, so nothing was shown or changed. Open \
                 the page here and try again; scripts use the commands of aftersend."
                    .to_owned(),
            ],
            way_out: TO_LIST,
        }
    }

    /// 421 for a request that names another host.
    pub(crate) fn foreign_host() -> Self {
        Self {
            status: StatusCode::MISDIRECTED_REQUEST,
            title: "This site answers to its own machine only",
            sentences: vec![
                "The request names a host that is neither localhost nor a loopback address. Open the site as \
                 http://127.0.0.1 with its port; from another machine, through a tunnel such as ssh -L."
                    .to_owned(),
            ],
            // No link: it would lead back to the name that is refused.
            way_out: None,
        }
    }

    /// 503 for a question that the database did not answer. Logged here, and nowhere else.
    pub(crate) fn store(error: &QueryError) -> Self {
        // The error's own sentence holds no value of any row.
        if matches!(error, QueryError::TextTooLong) {
            return Self {
                status: StatusCode::BAD_REQUEST,
                title: "The search text is too long",
                sentences: vec!["Shorten it: a piece of what is looked for does.".to_owned()],
                way_out: TO_LIST,
            };
        }
        tracing::error!(%error, "a question to the database failed");
        let (title, advice) = match error {
            QueryError::TimedOut => {
                ("The search took too long", "A status or a time narrows it: status:delivered, after:7d.")
            }
            QueryError::TextTooLong => ("The search text is too long", "Shorten it."),
            QueryError::Schema(_) => (
                "The database is not ready for this program",
                "The command aftersend migrate status says what is missing, and aftersend migrate up builds it.",
            ),
            QueryError::DamagedBody { .. } => (
                "The body is damaged",
                "It is kept compressed, and its checksum differs: the database's disk or memory may be at fault. Other bodies \
                 are not affected.",
            ),
            QueryError::Unreachable(_) | QueryError::Database(_) => (
                "The database did not answer",
                "Nothing is lost: events wait in their feed until they are stored. Try again in a moment; if it \
                 stays like this, aftersend migrate status tells what is wrong.",
            ),
        };
        let what = error.to_string().replace('`', "");
        let sentences = vec![format!("What happened: {what}."), advice.to_owned()];
        Self { status: StatusCode::SERVICE_UNAVAILABLE, title, sentences, way_out: TO_LIST }
    }
}

/// Figures that could not be counted.
impl From<FiguresError> for Problem {
    fn from(error: FiguresError) -> Self {
        match error {
            FiguresError::Query(QueryError::TimedOut) => {
                let advice = "A shorter period is counted faster.";
                let problem = Self::store(&QueryError::TimedOut);
                let sentences = problem.sentences.into_iter().take(1).chain([advice.to_owned()]).collect();
                Self { title: "Counting took too long", sentences, ..problem }
            }
            FiguresError::Query(error) => Self::store(&error),
            FiguresError::TimeZone(_) | FiguresError::TooManyBuckets => Self {
                status: StatusCode::BAD_REQUEST,
                title: "This can’t be counted so",
                sentences: vec![format!("What happened: {}.", error.to_string().replace('`', ""))],
                way_out: Some(WayOut { path: "/zone", text: "To the choice of the time zone" }),
            },
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        answer(self.status, &ProblemPage { frame: Frame::timeless(), problem: &self })
    }
}
