//! Any sequence of what may be done to bodies, against a map from mails to texts.

use std::collections::BTreeMap;

use proptest::{prelude::*, test_runner::Config};

use super::{super::elsewhere, *};

/// What somebody does.
#[derive(Clone, Debug)]
enum Act {
    Log {
        template: u8,
        month: u8,
        text: Text,
    },
    Rewrite {
        which: usize,
        text: Text,
    },
    Clear {
        which: usize,
    },
    Delete {
        which: usize,
    },
    Compress,
    /// Broken off after so long.
    CompressFor {
        us: u64,
    },
    CompressTwice,
    Decompress,
    DecompressFor {
        us: u64,
    },
}

/// A text by a rule: the same numbers give the same.
#[derive(Clone, Debug)]
enum Text {
    Of {
        template: u8,
        recipient: u8,
    },
    Any(String),
    Repeated {
        text: String,
        times: usize,
    },
    /// As an application's archiver leaves it.
    Packed {
        template: u8,
        recipient: u8,
    },
}

impl Text {
    /// What the column holds, whether it is marked as compressed, and what it says.
    fn written(&self) -> (String, bool, String) {
        let plain = |text: String| (text.clone(), false, text);
        match self {
            Self::Of { template, recipient } => plain(body((*template).into(), (*recipient).into())),
            Self::Any(text) => plain(text.clone()),
            Self::Repeated { text, times } => plain(text.repeat(*times)),
            Self::Packed { template, recipient } => {
                let text = body((*template).into(), (*recipient).into());
                (elsewhere::pack(text.as_bytes()), true, text)
            }
        }
    }
}

fn text() -> impl Strategy<Value = Text> {
    // PostgreSQL's text holds no U+0000.
    let any = || prop::collection::vec(prop::char::range('\u{1}', '\u{10ffff}'), 0..80);
    let any = move || any().prop_map(|chars| chars.into_iter().collect::<String>());
    prop_oneof![
        4 => (0..3_u8, 0..6_u8).prop_map(|(template, recipient)| Text::Of { template, recipient }),
        1 => any().prop_map(Text::Any),
        1 => (any(), 1..200_usize).prop_map(|(text, times)| Text::Repeated { text, times }),
        1 => (0..3_u8, 0..6_u8).prop_map(|(template, recipient)| Text::Packed { template, recipient }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let which = any::<usize>;
    prop_oneof![
        12 => (0..3_u8, 1..3_u8, text()).prop_map(|(template, month, text)| Act::Log { template, month, text }),
        3 => (which(), text()).prop_map(|(which, text)| Act::Rewrite { which, text }),
        1 => which().prop_map(|which| Act::Clear { which }),
        1 => which().prop_map(|which| Act::Delete { which }),
        2 => Just(Act::Compress),
        2 => (0..30_000_u64).prop_map(|us| Act::CompressFor { us }),
        1 => Just(Act::CompressTwice),
        1 => Just(Act::Decompress),
        1 => (0..30_000_u64).prop_map(|us| Act::DecompressFor { us }),
    ]
}

/// What each mail's body says, if it has one.
type Model = BTreeMap<Uuid, Option<String>>;

fn one_of(which: usize, model: &Model) -> Option<Uuid> {
    model.keys().nth(which.checked_rem(model.len())?).copied()
}

async fn run(acts: &[Act]) {
    let fixture = Fixture::new().await;
    let mut model = Model::new();
    for (number, act) in acts.iter().enumerate() {
        match act {
            Act::Log { template, month, text } => {
                let (column, is_compressed, says) = text.written();
                let template = ["order", "news"].get(usize::from(*template)).copied();
                let (to, sent_at) = (format!("{}@example.com", number % 7), format!("2026-0{month}-03"));
                let mail = log(&fixture, &to, template, &sent_at, None).await;
                write(&fixture, mail, Some(&column), is_compressed).await;
                model.insert(mail, Some(says));
            }
            Act::Rewrite { which, text } => {
                let Some(mail) = one_of(*which, &model) else { continue };
                let (column, is_compressed, says) = text.written();
                write(&fixture, mail, Some(&column), is_compressed).await;
                model.insert(mail, Some(says));
            }
            Act::Clear { which } => {
                let Some(mail) = one_of(*which, &model) else { continue };
                write(&fixture, mail, None, false).await;
                model.insert(mail, None);
            }
            Act::Delete { which } => {
                let Some(mail) = one_of(*which, &model) else { continue };
                let delete = format!(r#"DELETE FROM "prefix".phoenix_kit_email_logs WHERE uuid = '{mail}'"#);
                fixture.run(&delete).await;
                model.remove(&mail);
            }
            Act::Compress => drop(compress(&fixture).await),
            Act::CompressFor { us } => {
                let mut compressor = Compressor::new(&fixture.store, OLDER_THAN);
                let _ = tokio::time::timeout(Duration::from_micros(*us), compressor.round()).await;
            }
            Act::CompressTwice => drop(tokio::join!(compress(&fixture), compress(&fixture))),
            Act::Decompress => drop(decompress(&fixture).await),
            Act::DecompressFor { us } => {
                let mut decompressor = Decompressor::new(&fixture.store);
                let _ = tokio::time::timeout(Duration::from_micros(*us), decompressor.round()).await;
            }
        }
    }
    for (mail, text) in &model {
        assert_eq!(&fixture.store.read_body(*mail).await.unwrap(), text, "{mail}");
    }
    decompress(&fixture).await;
    for (mail, text) in &model {
        assert_eq!(&fixture.store.read_body(*mail).await.unwrap(), text, "{mail}, put back");
    }
    assert_eq!(fixture.count(r#""prefix".aftersend_bodies"#).await, 0);
}

#[test]
fn every_body_reads_the_same_whatever_was_done() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases: 8, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    proptest!(config, |(acts in prop::collection::vec(act(), 1..40))| {
        runtime.block_on(run(&acts));
    });
}
