//! Every example of AWS's documentation and every captured notification, with what it must come to.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::document;
use crate::{BlockReason, Envelope, Format, Status};

/// What a file must read as.
struct Expected {
    path: &'static str,
    type_name: &'static str,
    occurred_at: &'static str,
    recipients: &'static [&'static str],
    status: Option<Status>,
    subtype: Option<&'static str>,
    blocks: &'static [(&'static str, BlockReason)],
    fingerprint: &'static str,
}

const CORPUS: &[Expected] = &[
    Expected {
        path: "captured/notification-01.json",
        type_name: "bounce",
        occurred_at: "2016-10-21T00:06:40.502Z",
        recipients: &["bounce@simulator.amazonses.com"],
        status: Some(Status::HardBounced),
        subtype: Some("General"),
        blocks: &[],
        fingerprint: "d383c825e9e28efa41ad5c872a3b55b9",
    },
    Expected {
        path: "captured/notification-02.json",
        type_name: "bounce",
        occurred_at: "2016-10-21T06:58:02.245Z",
        recipients: &["bounce@simulator.amazonses.com"],
        status: Some(Status::HardBounced),
        subtype: Some("General"),
        blocks: &[],
        fingerprint: "f0e266c856a4ef3002322e3b815c3ea1",
    },
    Expected {
        path: "captured/notification-03.json",
        type_name: "complaint",
        occurred_at: "2016-11-25T01:49:01Z",
        recipients: &["complaint@simulator.amazonses.com"],
        status: Some(Status::Complaint),
        subtype: None,
        blocks: &[],
        fingerprint: "74bd7a0bff135cc8a77448fe1413eb3f",
    },
    Expected {
        path: "captured/notification-04.json",
        type_name: "delivery",
        occurred_at: "2016-11-23T12:01:03.512Z",
        recipients: &["success@simulator.amazonses.com"],
        status: Some(Status::Delivered),
        subtype: None,
        blocks: &[],
        fingerprint: "de91052c411af22070e3d6cbdd00e11c",
    },
    Expected {
        path: "event-publishing/bounce.json",
        type_name: "bounce",
        occurred_at: "2017-08-05T00:41:02.669Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::HardBounced),
        subtype: Some("General"),
        blocks: &[("recipient@example.com", BlockReason::HardBounce)],
        fingerprint: "54dd14de2ed468b837498d684c3325fd",
    },
    Expected {
        path: "event-publishing/click.json",
        type_name: "click",
        occurred_at: "2017-08-09T23:51:25.57Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::Clicked),
        subtype: None,
        blocks: &[],
        fingerprint: "67c7689ee10158b06734d03c7d34e935",
    },
    Expected {
        path: "event-publishing/complaint.json",
        type_name: "complaint",
        occurred_at: "2017-08-05T00:41:02.669Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::Complaint),
        subtype: None,
        blocks: &[("recipient@example.com", BlockReason::Complaint)],
        fingerprint: "e5ff2d86a0ac04d089b5c8a72ff21cf1",
    },
    Expected {
        path: "event-publishing/delivery.json",
        type_name: "delivery",
        occurred_at: "2016-10-19T23:21:04.133Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::Delivered),
        subtype: None,
        blocks: &[],
        fingerprint: "b6e94be45081c05f481d8951431967f9",
    },
    Expected {
        path: "event-publishing/deliverydelay.json",
        type_name: "delivery_delay",
        occurred_at: "2020-06-16T00:25:40.095Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::Delayed),
        subtype: Some("TransientCommunicationFailure"),
        blocks: &[],
        fingerprint: "69c80fcfae6a45faf6a037a441c96617",
    },
    Expected {
        path: "event-publishing/open.json",
        type_name: "open",
        occurred_at: "2017-08-09T22:00:19.652Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::Opened),
        subtype: None,
        blocks: &[],
        fingerprint: "974edf866f365e90f615e186b0ec7dbf",
    },
    Expected {
        path: "event-publishing/reject.json",
        type_name: "reject",
        occurred_at: "2016-10-14T17:38:15.211Z",
        recipients: &["sender@example.com"],
        status: Some(Status::Rejected),
        subtype: None,
        blocks: &[],
        fingerprint: "36e2f1ce42751938e581ca476b7867ea",
    },
    Expected {
        path: "event-publishing/rendering-failure.json",
        type_name: "rendering_failure",
        occurred_at: "2018-01-22T18:43:06.197Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::Failed),
        subtype: None,
        blocks: &[],
        fingerprint: "a8c9caec761f2ecc13b15ad1bf00a92c",
    },
    Expected {
        path: "event-publishing/send.json",
        type_name: "send",
        occurred_at: "2016-10-14T05:02:16.645Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::Sent),
        subtype: None,
        blocks: &[],
        fingerprint: "c5cfbb2da72cfed4f25bcd18c9fa4a58",
    },
    Expected {
        path: "event-publishing/subscription.json",
        type_name: "subscription",
        occurred_at: "2022-01-12T01:00:17.91Z",
        recipients: &["recipient@example.com"],
        status: Some(Status::Sent),
        subtype: Some("UnsubscribeHeader"),
        blocks: &[],
        fingerprint: "3679a86c424e2cd05630ca5fbdf3c20b",
    },
    Expected {
        path: "identity-notification/bounce-2.json",
        type_name: "bounce",
        occurred_at: "2016-01-27T14:59:38.237Z",
        recipients: &["jane@example.com", "richard@example.com"],
        status: Some(Status::HardBounced),
        subtype: Some("General"),
        blocks: &[
            ("jane@example.com", BlockReason::HardBounce),
            ("richard@example.com", BlockReason::HardBounce),
        ],
        fingerprint: "b1c4cd04eb26fc4469b087120de6b6b9",
    },
    Expected {
        path: "identity-notification/bounce.json",
        type_name: "bounce",
        occurred_at: "2016-01-27T14:59:38.237Z",
        recipients: &["jane@example.com"],
        status: Some(Status::HardBounced),
        subtype: Some("General"),
        blocks: &[("jane@example.com", BlockReason::HardBounce)],
        fingerprint: "80df4694ec1fc1cd15c767e409d5b0fe",
    },
    Expected {
        path: "identity-notification/complaint-2.json",
        type_name: "complaint",
        occurred_at: "2016-01-27T14:59:38.237Z",
        recipients: &["richard@example.com"],
        status: Some(Status::Complaint),
        subtype: None,
        blocks: &[("richard@example.com", BlockReason::Complaint)],
        fingerprint: "5f33e289d5d38e8e41e84ccd90d6ee9c",
    },
    Expected {
        path: "identity-notification/complaint.json",
        type_name: "complaint",
        occurred_at: "2016-01-27T14:59:38.237Z",
        recipients: &["richard@example.com"],
        status: Some(Status::Complaint),
        subtype: None,
        blocks: &[("richard@example.com", BlockReason::Complaint)],
        fingerprint: "8d6b0fb23156550526fbd56275e1b05c",
    },
    Expected {
        path: "identity-notification/delivery.json",
        type_name: "delivery",
        occurred_at: "2016-01-27T14:59:38.237Z",
        recipients: &["jane@example.com"],
        status: Some(Status::Delivered),
        subtype: None,
        blocks: &[],
        fingerprint: "d7e358082c2fe2710f53a8da684b9a37",
    },
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data")
}

#[test]
fn every_file_is_expected() {
    let mut found = BTreeSet::new();
    for folder in fs::read_dir(root()).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            found.insert(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        }
    }
    let expected: BTreeSet<_> = CORPUS.iter().map(|expected| expected.path.to_owned()).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_file_means_what_it_should() {
    for Expected { path, type_name, occurred_at, recipients, status, subtype, blocks, fingerprint } in CORPUS
    {
        let bytes = fs::read(root().join(path)).unwrap();
        let document = document(&bytes);
        let event = document.event().unwrap();
        assert_eq!(event.type_name(), *type_name, "{path}");
        assert_eq!(event.occurred_at().to_string(), *occurred_at, "{path}");
        assert_eq!(event.recipients(), *recipients, "{path}");
        assert_eq!(event.status(), *status, "{path}");
        assert_eq!(event.subtype(), *subtype, "{path}");
        let blocks: Vec<_> =
            blocks.iter().map(|(address, reason)| ((*address).to_owned(), *reason)).collect();
        assert_eq!(event.blocks(), blocks, "{path}");
        assert_eq!(event.fingerprint().to_string(), *fingerprint, "{path}");

        let format = if path.starts_with("event-publishing") {
            Format::EventPublishing
        } else {
            Format::IdentityNotification
        };
        assert_eq!(event.format, format, "{path}");
        let envelope = if path.ends_with("notification-02.json") { Envelope::Sns } else { Envelope::Raw };
        assert_eq!(document.envelope(), envelope, "{path}");
        assert_eq!(document.storable_json(), document.json(), "{path}");
    }
}
