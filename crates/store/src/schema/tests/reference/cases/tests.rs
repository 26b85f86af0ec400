//! Whether the generator still makes what is hard.

use super::*;

/// Whether a few cases hold what they are meant to: a generator that has lost it proves nothing.
#[test]
fn a_few_cases_hold_everything_that_is_hard() {
    let cases: Vec<Case> = (0..32).map(Case::new).collect();
    let some = |what: &str, holds: &dyn Fn(&Case) -> bool| {
        assert!(cases.iter().any(holds), "none of {} cases: {what}", cases.len());
    };
    some("without rows", &|case| case.mails.is_empty());
    some("beyond 137", &|case| case.marker == 139 && !case.built.is_empty());
    some("beyond 137, without an index", &|case| case.marker == 139 && case.built.is_empty());
    some("an index built ahead", &|case| case.built.iter().any(|(index, name)| index.name == name));
    some("an index of another name", &|case| case.built.iter().any(|(index, name)| index.name != name));
    some("a keyword for a prefix", &|case| case.prefixes.iter().any(|p| ODD_NAMES.contains(&p.as_str())));
    some("a column of the application's own", &|case| case.has_own_column);
    some("down twice", &|case| case.goes_down_twice && case.marker == 136 && !case.events.is_empty());
    some("a column that comes late", &|case| case.has_late_column && !case.events.is_empty());
    for event_type in TYPES {
        some(event_type, &|case| {
            duplicates(case, event_type, |one, other| one.occurred_at == other.occurred_at)
        });
    }
    some("opens a microsecond apart", &|case| {
        duplicates(case, "open", |one, other| one.occurred_at == time(0) && other.occurred_at == time(1))
    });
    some("the smaller uuid is the later one", &|case| {
        duplicates(case, "delivery", |one, other| {
            one.uuid < other.uuid && one.occurred_at > other.occurred_at
        })
    });
    some("a large group", &|case| case.events.len() > 300);
    for name in ["aws_message_id", "X-AWS-Message-Id", "MessageId"] {
        some(name, &|case| {
            unnamed(case).any(|mail| {
                let names = ids_in(mail).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
                names == [name]
            })
        });
    }
    some("two ids in one mail", &|case| unnamed(case).any(|mail| ids_in(mail).len() > 1));
    some("an id for two mails", &|case| {
        unnamed(case).any(|mail| {
            unnamed(case).any(|other| {
                mail.uuid != other.uuid
                    && ids_in(mail).iter().any(|(_, id)| ids_in(other).iter().any(|(_, o)| id == o))
            })
        })
    });
    for is_before in [true, false] {
        some("an id that is taken", &|case| {
            unnamed(case).any(|mail| {
                case.mails.iter().any(|holder| {
                    (holder.uuid < mail.uuid) == is_before
                        && ids_in(mail).iter().any(|(_, id)| holder.aws_message_id.as_ref() == Some(id))
                })
            })
        });
    }
    for id in ids() {
        some(&id, &|case| unnamed(case).any(|mail| ids_in(mail).iter().any(|(_, found)| *found == id)));
    }
    some("no headers", &|case| unnamed(case).any(|mail| mail.headers.is_none()));
    some("an empty id", &|case| {
        unnamed(case).any(|mail| {
            mail.headers.as_ref().is_some_and(|headers| headers.contains("\"\"")) && ids_in(mail).len() > 1
        })
    });
}

fn duplicates(case: &Case, event_type: &str, are: impl Fn(&EventRow, &EventRow) -> bool) -> bool {
    let events: Vec<&EventRow> = case.events.iter().filter(|event| event.event_type == event_type).collect();
    events.iter().any(|one| {
        events.iter().any(|other| one.uuid != other.uuid && one.mail == other.mail && are(one, other))
    })
}

/// The mails that V137 looks for an id for.
fn unnamed(case: &Case) -> impl Iterator<Item = &MailRow> {
    case.mails.iter().filter(|mail| mail.aws_message_id.is_none())
}

/// The strings in the headers that count.
fn ids_in(mail: &MailRow) -> Vec<(&'static str, String)> {
    let headers: serde_json::Value =
        mail.headers.as_ref().map_or(serde_json::Value::Null, |text| serde_json::from_str(text).unwrap());
    ["aws_message_id", "X-AWS-Message-Id", "MessageId"]
        .into_iter()
        .filter_map(|name| Some((name, headers.get(name)?.as_str()?.to_owned())))
        .collect()
}
