//! A flag stands over a variable, that over the file, that over a default.

use std::{net::SocketAddr, num::NonZeroUsize, time::Duration};

use aftersend_store::UnknownMails;

use super::{PATH, settle, settle_file, shown};
use crate::{
    cli::UnknownMailsRule,
    config::{
        keys,
        layers::Shown,
        settings::{Database, Flags, Settings},
    },
};

/// What a flag sets, and how that is shown.
type FlagCase = (fn(&mut Flags), &'static str);

/// A setting with another value in each layer.
struct Case {
    /// Its key, and how it is shown.
    name: &'static str,
    shown_as: &'static str,
    flag: Option<FlagCase>,
    variable: Option<&'static str>,
    /// As TOML spells it, and how that is shown.
    file: (&'static str, &'static str),
    default: Option<&'static str>,
}

const CASES: [Case; 31] = [
    Case {
        name: "database_url",
        shown_as: "database_url",
        flag: Some((
            |flags| flags.database_url = Some("postgres://a:secret@one/x".to_owned()),
            "postgres://a:***@one/x",
        )),
        variable: Some("postgres://two/x"),
        file: ("'postgres://three/x'", "postgres://three/x"),
        default: None,
    },
    Case {
        name: "prefix",
        shown_as: "prefix",
        flag: Some((|flags| flags.prefix = Some("one".parse().unwrap()), "one")),
        variable: Some("two"),
        file: ("'three'", "three"),
        default: Some("public"),
    },
    Case {
        name: "data_dir",
        shown_as: "data_dir",
        flag: Some((|flags| flags.data_dir = Some("/one".into()), "/one")),
        variable: Some("/two"),
        file: ("'three'", "/srv/mail/three"),
        default: None,
    },
    Case {
        name: "listen",
        shown_as: "listen",
        flag: Some((|flags| flags.listen = Some(SocketAddr::from(([127, 0, 0, 1], 1))), "127.0.0.1:1")),
        variable: Some("127.0.0.1:2"),
        file: ("'[::1]:3'", "[::1]:3"),
        default: Some("127.0.0.1:4100"),
    },
    Case {
        name: "ingest.template_tag",
        shown_as: "ingest.template_tag",
        flag: None,
        variable: Some("two"),
        file: ("'three'", "three"),
        default: Some("template"),
    },
    Case {
        name: "ingest.campaign_tag",
        shown_as: "ingest.campaign_tag",
        flag: None,
        variable: Some("two"),
        file: ("'three'", "three"),
        default: Some("campaign"),
    },
    Case {
        name: "ingest.pollers",
        shown_as: "ingest.pollers",
        flag: None,
        variable: None,
        file: ("5", "5"),
        default: Some("3"),
    },
    Case {
        name: "ingest.unknown_mails",
        shown_as: "ingest.unknown_mails",
        flag: Some((|flags| flags.unknown_mails = Some(UnknownMailsRule::Create), "create")),
        variable: Some("park"),
        file: ("'park'", "park"),
        default: Some("auto"),
    },
    Case {
        name: "ingest.park_for",
        shown_as: "ingest.park_for",
        flag: Some((|flags| flags.park_for = Some(Duration::from_secs(90)), "1m 30s")),
        variable: Some("2m"),
        file: ("'2d'", "2d"),
        default: Some("1h"),
    },
    Case {
        name: "ingest.metrics_listen",
        shown_as: "ingest.metrics_listen",
        flag: Some((
            |flags| flags.metrics_listen = Some(SocketAddr::from(([127, 0, 0, 1], 1))),
            "127.0.0.1:1",
        )),
        variable: Some("127.0.0.1:2"),
        file: ("'[::1]:3'", "[::1]:3"),
        default: None,
    },
    Case {
        name: "archive.delete_after",
        shown_as: "archive.delete_after",
        flag: None,
        variable: None,
        file: ("'40d'", "960h"),
        default: None,
    },
    Case {
        name: "archive.delete_bodies_after",
        shown_as: "archive.delete_bodies_after",
        flag: None,
        variable: None,
        file: ("'40d'", "960h"),
        default: None,
    },
    Case {
        name: "archive.delete_raw_after",
        shown_as: "archive.delete_raw_after",
        flag: None,
        variable: None,
        file: ("'40d'", "960h"),
        default: None,
    },
    Case {
        name: "archive.delete_addresses_after",
        shown_as: "archive.delete_addresses_after",
        flag: None,
        variable: None,
        file: ("'40d'", "960h"),
        default: None,
    },
    Case {
        name: "queue.name",
        shown_as: "queue.three.name",
        flag: None,
        variable: None,
        file: ("'three'", "three"),
        default: None,
    },
    Case {
        name: "queue.region",
        shown_as: "queue.q.region",
        flag: Some((|flags| flags.region = Some("one".to_owned()), "one")),
        variable: Some("two"),
        file: ("'three'", "three"),
        default: None,
    },
    Case {
        name: "queue.profile",
        shown_as: "queue.q.profile",
        flag: Some((|flags| flags.profile = Some("one".to_owned()), "one")),
        variable: Some("two"),
        file: ("'three'", "three"),
        default: None,
    },
    Case {
        name: "queue.endpoint_url",
        shown_as: "queue.q.endpoint_url",
        flag: Some((|flags| flags.endpoint_url = Some("http://one".to_owned()), "http://one")),
        variable: Some("http://two"),
        file: ("'http://three'", "http://three"),
        default: None,
    },
    Case {
        name: "queue.pollers",
        shown_as: "queue.q.pollers",
        flag: Some((|flags| flags.pollers = NonZeroUsize::new(1), "1")),
        variable: Some("4"),
        file: ("5", "5"),
        default: Some("3"),
    },
    Case {
        name: "queue.visibility_timeout",
        shown_as: "queue.q.visibility_timeout",
        flag: Some((|flags| flags.visibility_timeout = Some(1), "1s")),
        variable: Some("2s"),
        file: ("'1m 30s'", "90s"),
        default: None,
    },
    Case {
        name: "hooks.listen",
        shown_as: "hooks.listen",
        flag: Some((|flags| flags.hooks_listen = Some(SocketAddr::from(([0, 0, 0, 0], 1))), "0.0.0.0:1")),
        variable: Some("10.0.0.1:2"),
        file: ("'[::]:3'", "[::]:3"),
        default: None,
    },
    Case {
        name: "hooks.topics",
        shown_as: "hooks.topics",
        flag: Some((
            |flags| {
                flags.hooks_topics = Some(vec!["arn:aws:sns:eu-west-1:123456789012:one".parse().unwrap()]);
            },
            "arn:aws:sns:eu-west-1:123456789012:one",
        )),
        variable: Some("arn:aws:sns:eu-west-1:123456789012:two"),
        file: (
            "['arn:aws:sns:eu-west-1:123456789012:three', 'arn:aws:sns:eu-west-1:123456789012:four']",
            "arn:aws:sns:eu-west-1:123456789012:three, arn:aws:sns:eu-west-1:123456789012:four",
        ),
        default: None,
    },
    Case {
        name: "hooks.secret",
        shown_as: "hooks.secret",
        flag: Some((|flags| flags.hooks_secret = Some("one-that-nobody-guesses".to_owned()), "***")),
        variable: Some("two-that-nobody-guesses"),
        file: ("'three-that-nobody-guesses'", "***"),
        default: None,
    },
    Case {
        name: "hooks.signature_2_only",
        shown_as: "hooks.signature_2_only",
        flag: Some((|flags| flags.hooks_signature_2_only = Some(true), "true")),
        variable: Some("false"),
        file: ("true", "true"),
        default: Some("false"),
    },
    Case {
        name: "archive.schedule",
        shown_as: "archive.schedule",
        flag: None,
        variable: Some("every 6 hours"),
        file: ("'daily 04:30 Europe/Tallinn'", "daily 04:30 Europe/Tallinn"),
        default: Some("daily 03:00"),
    },
    Case {
        name: "archive.compress",
        shown_as: "archive.compress",
        flag: None,
        variable: Some("false"),
        file: ("true", "true"),
        default: None,
    },
    Case {
        name: "archive.compress_after",
        shown_as: "archive.compress_after",
        flag: None,
        variable: Some("12h"),
        file: ("'90d'", "90d"),
        default: Some("30d"),
    },
    // In a flag or a variable it names another queue, and not another URL of the file's.
    Case {
        name: "queue.url",
        shown_as: "queue.q.url",
        flag: None,
        variable: None,
        file: ("'https://three/q'", "https://three/q"),
        default: None,
    },
    Case {
        name: "archive.store",
        shown_as: "archive.store",
        flag: None,
        variable: Some("file:///srv/mails"),
        file: ("'s3://bucket/mails'", "s3://bucket/mails"),
        default: None,
    },
    Case {
        name: "archive.archive_after",
        shown_as: "archive.archive_after",
        flag: None,
        variable: Some("12h"),
        file: ("'180d'", "180d"),
        default: None,
    },
    Case {
        name: "archive.delete_archived",
        shown_as: "archive.delete_archived",
        flag: None,
        variable: Some("false"),
        file: ("true", "true"),
        default: Some("false"),
    },
];

impl Case {
    /// Its line in the file, in the table where it belongs, and what else must stand there.
    fn document(&self, line: &str) -> String {
        match self.name.split_once('.') {
            Some(("queue", "url")) => format!("[[queue]]\n{line}"),
            Some(("queue", _)) => format!("[[queue]]\n{line}\nurl = 'https://host/q'"),
            Some((table, _)) => format!("[{table}]\n{line}"),
            None => format!("\n{line}"),
        }
    }
}

#[test]
fn every_setting_comes_from_the_strongest_layer_that_has_it() {
    for about in keys::ALL {
        let case = CASES.iter().find(|case| case.name == about.name);
        let case = case.unwrap_or_else(|| panic!("no case for {}", about.name));
        let (_, key) = about.table_and_key();
        let (toml, in_file) = case.file;
        let document = case.document(&format!("{key} = {toml}"));
        let mut variables: Vec<(&str, &str)> = about.variable.zip(case.variable).into_iter().collect();
        let mut flags = Flags::default();
        if let Some((set, value)) = case.flag {
            set(&mut flags);
            let settings = settle(&flags, &variables, Some(&document)).unwrap();
            let source = format!("flag {}", about.flag.unwrap());
            assert_eq!(shown(&settings, case.shown_as), (Some(value.to_owned()), source));
            flags = Flags::default();
        }
        if let Some(value) = case.variable {
            let settings = settle(&flags, &variables, Some(&document)).unwrap();
            let source = format!("environment variable {}", about.variable.unwrap());
            let value = if case.name == "hooks.secret" { "***" } else { value };
            assert_eq!(shown(&settings, case.shown_as), (Some(value.to_owned()), source));
            // A variable that is set to nothing is as good as one that is not set.
            variables = vec![(about.variable.unwrap(), "")];
        }
        let settings = settle(&flags, &variables, Some(&document)).unwrap();
        assert_eq!(shown(&settings, case.shown_as), (Some(in_file.to_owned()), format!("{PATH}:2")));

        let settings = settle(&flags, &variables, Some(&case.document(""))).unwrap_or_else(|_| {
            assert_eq!(case.name, "queue.url", "nothing else has to be there");
            settle(&flags, &variables, None).unwrap()
        });
        let left = settings.shown.iter().find(|shown| shown.key == case.shown_as);
        if let Some(Shown { value, source, .. }) = left {
            assert_eq!(source.to_string(), "default", "{}", case.name);
            // The folder depends on who asks.
            if case.name != "data_dir" {
                assert_eq!(value.as_deref(), case.default, "{}", case.name);
            }
        }
        // Only what is tested can be there.
        let others = about.name == "queue.url";
        assert_eq!(case.flag.is_some() || others, about.flag.is_some(), "{}", about.name);
        assert_eq!(case.variable.is_some() || others, about.variable.is_some(), "{}", about.name);
    }
}

fn database(settings: &Settings) -> String {
    match &settings.database {
        Database::Given(address) => address.place(),
        Database::Embedded(Some(folder)) => format!("embedded in {}", folder.display()),
        Database::Embedded(None) => "embedded".to_owned(),
    }
}

#[test]
fn the_database_is_the_one_that_the_strongest_layer_names() {
    let url = ("AFTERSEND_DATABASE_URL", "postgres://variable/x");
    let folder = ("AFTERSEND_DATA_DIR", "/variable");
    let shared = ("DATABASE_URL", "postgres://shared/x");
    let by_flag = Flags { data_dir: Some("/flag".into()), ..Flags::default() };
    let url_in_file = "database_url = 'postgres://file/x'";
    let check = |flags: &Flags, variables: &[(&str, &str)], file: Option<&str>, expected: &str| {
        let settings = settle(flags, variables, file).unwrap();
        assert_eq!(database(&settings), expected, "{variables:?} {file:?}");
        let notes = usize::from(expected.starts_with("shared"));
        assert_eq!(settings.notes.len(), notes, "{:?}", settings.notes);
    };
    let nothing = Flags::default();
    check(&by_flag, &[url, shared], Some(url_in_file), "embedded in /flag");
    check(&nothing, &[url, folder], Some("data_dir = '/file'"), "variable, port 5432, database x");
    check(&nothing, &[folder, shared], Some(url_in_file), "embedded in /variable");
    check(&nothing, &[shared], Some(url_in_file), "file, port 5432, database x");
    check(&nothing, &[shared], Some("data_dir = '/file'"), "embedded in /file");
    check(&nothing, &[shared], Some(""), "shared, port 5432, database x");
    check(&nothing, &[], None, "embedded");
    // What is made up goes nowhere but where a flag says.
    let made_up = Flags { database_by_flag_only: true, ..Flags::default() };
    check(&made_up, &[url, folder, shared], Some(url_in_file), "embedded");
    let by_flag = Flags { database_by_flag_only: true, ..by_flag };
    check(&by_flag, &[url, folder, shared], Some(url_in_file), "embedded in /flag");
}

#[test]
fn two_databases_in_one_layer_are_one_too_many() {
    let flags = Flags {
        database_url: Some("postgres://one/x".to_owned()),
        data_dir: Some("/two".into()),
        ..Flags::default()
    };
    assert!(
        settle(&flags, &[], None).unwrap_err().contains("--database-url and --data-dir name two databases")
    );
    let said = settle_file("data_dir = '/one'\ndatabase_url = 'postgres://two/x'").unwrap_err();
    assert_eq!(
        said,
        format!(
            "{PATH}, line 2, column 1: `database_url` and `data_dir` name two databases; give one of them"
        )
    );
    let flags = Flags { database_url: Some(String::new()), ..Flags::default() };
    assert!(settle(&flags, &[], None).unwrap_err().contains("--database-url is empty"));
}

#[test]
fn a_command_to_copy_needs_the_flag_that_named_the_database() {
    let config = Flags { config: Some(PATH.into()), ..Flags::default() };
    let flag = |flags: &Flags, file: &str| settle(flags, &[], Some(file)).unwrap().database_flag;
    assert_eq!(flag(&config, "database_url = 'postgres://x/y'"), Some("--config"));
    assert_eq!(flag(&Flags::default(), "database_url = 'postgres://x/y'"), None);
    let both = Flags { data_dir: Some("/flag".into()), ..config.clone() };
    assert_eq!(flag(&both, "database_url = 'postgres://x/y'"), Some("--data-dir"));
    assert_eq!(flag(&config, ""), None);
}

const TWO_QUEUES: &str = "
[ingest]
pollers = 5
[[queue]]
url = 'https://sqs.eu-central-1.amazonaws.com/1/first'
[[queue]]
name = 'second'
url = 'https://sqs.us-east-1.amazonaws.com/1/other'
region = 'us-east-1'
profile = 'america'
endpoint_url = 'http://127.0.0.1:4566'
visibility_timeout = '2m'
pollers = 1
";

fn names(settings: &Settings) -> Vec<&str> {
    settings.queues.iter().map(|queue| &*queue.name).collect()
}

#[test]
fn queues_are_those_of_the_file_or_one_that_a_flag_or_a_variable_names() {
    let settings = settle_file(TWO_QUEUES).unwrap();
    let [first, second] = &settings.queues[..] else { panic!("{:?}", settings.queues) };
    assert_eq!((&*first.name, first.pollers.get()), ("first", 5));
    assert_eq!(first.options.queue_url, "https://sqs.eu-central-1.amazonaws.com/1/first");
    assert_eq!(
        (&first.options.region, &first.options.profile, &first.options.endpoint_url),
        (&None, &None, &None)
    );
    assert_eq!((&*second.name, second.pollers.get()), ("second", 1));
    assert_eq!(second.options.queue_url, "https://sqs.us-east-1.amazonaws.com/1/other");
    assert_eq!(second.options.region.as_deref(), Some("us-east-1"));
    assert_eq!(second.options.profile.as_deref(), Some("america"));
    assert_eq!(second.options.endpoint_url.as_deref(), Some("http://127.0.0.1:4566"));
    assert_eq!(second.options.visibility_timeout_s, Some(120));
    assert_eq!(shown(&settings, "queue.first.pollers"), (Some("5".to_owned()), format!("{PATH}:3")));
    assert_eq!(shown(&settings, "queue.first.name").1, "default");
    assert_eq!(shown(&settings, "queue.second.name").1, format!("{PATH}:7"));

    let chosen =
        Flags { queue: Some("second".to_owned()), pollers: NonZeroUsize::new(7), ..Flags::default() };
    // A flag is stronger than the variable, which names another queue.
    let variables = [("AFTERSEND_QUEUE_URL", "https://host/third")];
    let settings = settle(&chosen, &variables, Some(TWO_QUEUES)).unwrap();
    assert_eq!((names(&settings), settings.queues[0].pollers.get()), (vec!["second"], 7));
    assert!(settings.shown.iter().all(|shown| !shown.key.contains("first")), "{:?}", settings.shown);

    let settings = settle(&Flags::default(), &variables, Some(TWO_QUEUES)).unwrap();
    assert_eq!((names(&settings), settings.queues[0].pollers.get()), (vec!["third"], 5));
    let source = "environment variable AFTERSEND_QUEUE_URL".to_owned();
    assert_eq!(shown(&settings, "queue.url"), (Some("https://host/third".to_owned()), source));
    assert!(settings.shown.iter().all(|shown| !shown.key.contains("first")), "{:?}", settings.shown);

    let flags = Flags { queue_url: Some("https://host/fourth".to_owned()), ..Flags::default() };
    let settings = settle(&flags, &variables, Some(TWO_QUEUES)).unwrap();
    assert_eq!(names(&settings), ["fourth"]);
    assert_eq!(shown(&settings, "queue.url").1, "flag --queue-url");
    assert!(settle(&Flags::default(), &[], None).unwrap().queues.is_empty());
}

#[test]
fn a_queue_that_is_not_in_the_file_is_named_with_those_that_are() {
    let flags = Flags { queue: Some("secnd".to_owned()), ..Flags::default() };
    assert_eq!(
        settle(&flags, &[], Some(TWO_QUEUES)).unwrap_err(),
        "--queue: no queue is called `secnd`; did you mean `second`? There are: first, second"
    );
    assert!(settle(&flags, &[], None).unwrap_err().contains("names no queue; give --queue-url"));
    let flags = Flags { queue: Some("elsewhere".to_owned()), ..Flags::default() };
    let said = settle(&flags, &[], Some(TWO_QUEUES)).unwrap_err();
    assert!(said.ends_with("no queue is called `elsewhere`; there are: first, second"), "{said}");
}

#[test]
fn queues_have_names_and_urls_of_their_own() {
    let said = settle_file("[[queue]]\nurl = 'https://one/q'\n[[queue]]\nurl = 'https://two/q'").unwrap_err();
    assert!(said.contains("line 3") && said.contains("there is a queue `q` already, in line 1"), "{said}");
    let said = settle_file("[[queue]]\nurl = 'https://one/q'\n[[queue]]\nname = 'r'\nurl = 'https://one/q'")
        .unwrap_err();
    assert!(said.contains("line 5, column 1: the queue `q` has this `url` already"), "{said}");
    let said = settle_file("[[queue]]\nname = 'q'").unwrap_err();
    assert_eq!(said, format!("{PATH}, line 1, column 1: this [[queue]] has no `url`"));
}

#[test]
fn a_region_that_is_not_the_urls_is_said_where_it_stands() {
    let wrong = "[[queue]]\nurl = 'https://sqs.eu-central-1.amazonaws.com/1/q'\nregion = 'us-east-1'";
    let said = settle_file(wrong).unwrap_err();
    assert!(
        said.contains("line 3, column 1: the queue https://") && said.contains("is in eu-central-1"),
        "{said}"
    );
    let right = wrong.lines().take(2).collect::<Vec<_>>().join("\n");
    let said = settle(&Flags::default(), &[("AFTERSEND_REGION", "us-east-1")], Some(&right)).unwrap_err();
    assert!(said.starts_with("the variable AFTERSEND_REGION: the queue https://"), "{said}");
}

#[test]
fn a_region_for_one_queue_is_none_for_those_that_are_not_polled() {
    let region = Flags { region: Some("us-east-1".to_owned()), ..Flags::default() };
    let by_url =
        Flags { queue_url: Some("https://sqs.us-east-1.amazonaws.com/1/q".to_owned()), ..region.clone() };
    let by_name = Flags { queue: Some("second".to_owned()), ..region.clone() };
    for flags in [by_url, by_name] {
        let settings = settle(&flags, &[], Some(TWO_QUEUES)).unwrap();
        assert_eq!(settings.queues[0].options.region.as_deref(), Some("us-east-1"));
    }
    assert!(
        settle(&region, &[], Some(TWO_QUEUES))
            .unwrap_err()
            .starts_with("--region: the queue https://sqs.eu-")
    );
}

#[test]
fn the_rule_for_unknown_mails_has_its_time() {
    let rule = |file: &str| settle_file(file).unwrap().unknown_mails;
    let hour = Duration::from_hours(1);
    assert_eq!(rule(""), UnknownMails::Auto { park_for: hour });
    assert_eq!(rule("[ingest]\nunknown_mails = 'create'\npark_for = '1s'"), UnknownMails::Create);
    let park_for = Duration::from_mins(90);
    assert_eq!(
        rule("[ingest]\nunknown_mails = 'park'\npark_for = '1h 30m'"),
        UnknownMails::Park { park_for }
    );
    for (line, what) in [
        ("unknown_mails = 'parc'", "it should be `auto`, `create` or `park`"),
        ("park_for = 90", "it should be a text in quotes, not a number"),
        ("park_for = '90'", "`90` is no length of time; it looks like 30s, 5m, 1h 30m or 2d"),
    ] {
        let said = settle_file(&format!("[ingest]\n{line}")).unwrap_err();
        assert!(said.contains("line 2, column 1: `ingest.") && said.contains(what), "{said}");
    }
}

#[test]
fn what_sns_posts_is_taken_where_an_address_is_given() {
    let file = "[hooks]\nlisten = '0.0.0.0:4101'\ntopics = ['arn:aws:sns:eu-west-1:123456789012:ses']";
    let hooks = settle_file(file).unwrap().hooks.unwrap();
    assert_eq!(hooks.listen.to_string(), "0.0.0.0:4101");
    assert_eq!(hooks.options.topics.len(), 1);
    assert!(hooks.options.secret.is_none() && !hooks.options.signature_2_only);
    assert!(settle_file("[hooks]\ntopics = []").unwrap().hooks.is_none());
    let several = "arn:aws:sns:eu-west-1:123456789012:one, arn:aws:sns:eu-west-1:123456789012:two";
    let settings = settle(&Flags::default(), &[("AFTERSEND_HOOKS_TOPICS", several)], Some(file)).unwrap();
    assert_eq!(settings.hooks.unwrap().options.topics.len(), 2);

    for (line, what) in [
        ("topics = 'ses'", "`ses` is no SNS topic"),
        ("topics = [1]", "it should be a list of texts, not a list"),
        ("topics = ['']", "one of its texts is empty"),
        ("listen = '4101'", "`4101` is no address"),
        ("signature_2_only = 'yes'", "it should be true or false, not a text"),
        ("secret = 'hunter2'", "20 to 128 characters"),
    ] {
        let said = settle_file(&format!("[hooks]\n{line}")).unwrap_err();
        assert!(said.contains("line 2, column 1: `hooks.") && said.contains(what), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
