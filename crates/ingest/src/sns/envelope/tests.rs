use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Texts that are full of what could be taken for the names of fields.
fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just("\n".to_owned()),
            Just("Message".to_owned()),
            Just("MessageId".to_owned()),
            Just("Subject".to_owned()),
            Just("Timestamp".to_owned()),
            Just("02f86d9b-eecf-573d-b47d-3d1850750c30".to_owned()),
            Just("2026-11-22T18:30:54.000Z".to_owned()),
            "[a-z]{0,2}",
        ],
        0..8,
    )
    .prop_map(|parts| parts.concat())
}

fn envelope() -> impl Strategy<Value = serde_json::Value> {
    let kind =
        prop_oneof![Just("Notification"), Just("SubscriptionConfirmation"), Just("UnsubscribeConfirmation")];
    (kind, text(), proptest::option::of(text()), text(), "[a-c]{1,2}", 0..2_u8, 0..2_u8).prop_map(
        |(kind, message, subject, url, token, id, topic)| {
            json!({
                "Type": kind,
                "MessageId": format!("02f86d9b-eecf-573d-b47d-3d1850750c3{id}"),
                "TopicArn": format!("arn:aws:sns:us-west-2:123456789012:t{topic}"),
                "Subject": subject,
                "Message": message,
                "Timestamp": "2026-11-22T18:30:54.000Z",
                "SignatureVersion": "1",
                "Signature": "",
                "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-a.pem",
                "Token": token,
                "SubscribeURL": url,
            })
        },
    )
}

/// What a signature stands for.
fn meaning(envelope: &Envelope) -> impl PartialEq + std::fmt::Debug + use<> {
    let invitation = match &envelope.kind {
        Kind::Notification => None,
        Kind::SubscriptionConfirmation(invitation) => Some((true, invitation)),
        Kind::UnsubscribeConfirmation(invitation) => Some((false, invitation)),
    };
    let subject = if invitation.is_none() { envelope.subject.clone() } else { None };
    let invitation =
        invitation.map(|(asks, of)| (asks, of.token.as_str().to_owned(), of.subscribe_url.clone()));
    (
        envelope.message.clone(),
        envelope.message_id,
        envelope.topic.clone(),
        envelope.sent_at,
        subject,
        invitation,
    )
}

/// What the documentation shows, byte for byte.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html>
#[test]
fn the_string_to_sign_is_the_documented_one() {
    let mut fields = json!({
        "Type": "Notification",
        "MessageId": "4d4dc071-ddbf-465d-bba8-08f81c89da64",
        "TopicArn": "arn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P",
        "Subject": "My subject",
        "Message": "My Test Message",
        "Timestamp": "2019-01-31T04:37:04.321Z",
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": "https://sns.us-east-2.amazonaws.com/SimpleNotificationService-a.pem",
    });
    let text = |fields: &serde_json::Value| {
        Envelope::read(&serde_json::to_vec(fields).unwrap())
            .map_err(|refusal| refusal.reason)
            .unwrap()
            .string_to_sign()
    };
    let rest = "Timestamp\n2019-01-31T04:37:04.321Z\n\
                TopicArn\narn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P\nType\nNotification\n";
    let start = "Message\nMy Test Message\nMessageId\n4d4dc071-ddbf-465d-bba8-08f81c89da64\n";
    assert_eq!(text(&fields), format!("{start}Subject\nMy subject\n{rest}"));
    fields["Subject"] = serde_json::Value::Null;
    assert_eq!(text(&fields), format!("{start}{rest}"));

    fields["Type"] = "SubscriptionConfirmation".into();
    fields["Token"] = "2336412f37fb".into();
    fields["SubscribeURL"] = "https://sns.us-east-2.amazonaws.com/?Action=ConfirmSubscription".into();
    assert_eq!(
        text(&fields),
        "Message\nMy Test Message\nMessageId\n4d4dc071-ddbf-465d-bba8-08f81c89da64\n\
         SubscribeURL\nhttps://sns.us-east-2.amazonaws.com/?Action=ConfirmSubscription\n\
         Timestamp\n2019-01-31T04:37:04.321Z\nToken\n2336412f37fb\n\
         TopicArn\narn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P\nType\nSubscriptionConfirmation\n"
    );
}

#[test]
fn a_time_is_in_utc_and_nothing_stands_around_it() {
    for text in ["2026-11-22T18:30:54.123Z", "2026-11-22T18:30:54Z", "2026-11-22T18:30:54.123456789Z"] {
        assert!(timestamp(text).is_some(), "{text}");
    }
    for text in [
        "2026-11-22T18:30:54.123",
        "2026-11-22T18:30:54+00:00",
        "2026-11-22T18:30:54-00:00",
        "2026-11-22T18:30:54-00:00Z",
        "2026-11-22T18:30:54Z[UTC]",
        "2026-11-22 18:30:54Z",
        "2026-11-22t18:30:54z",
        " 2026-11-22T18:30:54Z",
        "2026-11-22T18:30:54Z\n",
        "2026-11-22T18:30:54\nZ",
        "2026-11-22T25:30:54Z",
        "2026-02-30T18:30:54Z",
        "12026-11-22T18:30:54Z",
        "+002026-11-22T18:30:54Z",
        "1795372254Z",
        "Z",
        "",
    ] {
        assert!(timestamp(text).is_none(), "{text:?}");
    }
}

proptest! {
    /// A signature stands for one meaning: two envelopes with the same string to sign say the same.
    #[test]
    fn no_two_envelopes_share_what_is_signed(first in envelope(), second in envelope()) {
        let read = |fields: &serde_json::Value| Envelope::read(&serde_json::to_vec(fields).unwrap()).ok();
        if let (Some(first), Some(second)) = (read(&first), read(&second)) {
            prop_assert_eq!(
                first.string_to_sign() == second.string_to_sign(),
                meaning(&first) == meaning(&second)
            );
        }
    }

    /// Cut at every line break: what comes of moving lines between fields is another string, or no envelope.
    #[test]
    fn moving_lines_between_fields_is_seen(mut fields in envelope(), cut in 0..16_usize) {
        let Ok(envelope) = Envelope::read(&serde_json::to_vec(&fields).unwrap()) else { return Ok(()) };
        let signed = envelope.string_to_sign();
        let lines: Vec<&str> = signed.strip_prefix("Message\n").unwrap().split('\n').collect();
        let cut = cut.min(lines.len());
        fields["Message"] = lines[..cut].join("\n").into();
        fields["Subject"] = lines[cut..].join("\n").into();
        if let Ok(forged) = Envelope::read(&serde_json::to_vec(&fields).unwrap()) {
            prop_assert_eq!(forged.string_to_sign() == signed, meaning(&forged) == meaning(&envelope));
        }
    }

    /// Whatever is posted is read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Envelope::read(&bytes).is_err());
    }
}
