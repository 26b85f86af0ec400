use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use serde_json::json;

use super::*;

fn address(number: usize) -> CertificateAddress {
    let address = format!("https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{number}.pem");
    CertificateAddress::parse(&address).unwrap()
}

/// Never asked here.
fn certificates() -> Certificates {
    let nowhere = "127.0.0.1:1".parse().unwrap();
    Certificates::new(Arc::new(Https::to(nowhere, RootCertStore::empty(), Duration::from_secs(1))))
}

#[test]
fn addresses_that_were_only_named_give_way_to_others() {
    let certificates = certificates();
    certificates.slot(&address(0)).unwrap().proven.store(true, Ordering::Relaxed);
    for number in 1..10 * ADDRESSES_MAX {
        certificates.slot(&address(number)).unwrap();
    }
    let slots = certificates.slots.lock().unwrap();
    assert_eq!(slots.len(), ADDRESSES_MAX);
    assert!(slots.contains_key(&address(0)), "what was proven stays");
    assert!(slots.contains_key(&address(10 * ADDRESSES_MAX - 1)));
}

#[test]
fn addresses_that_are_being_asked_do_not_give_way() {
    let certificates = certificates();
    let held: Vec<Arc<Slot>> =
        (0..ADDRESSES_MAX).map(|number| certificates.slot(&address(number)).unwrap()).collect();
    let refusal = certificates.slot(&address(ADDRESSES_MAX)).err().unwrap();
    assert_eq!(refusal.reason, Reason::CertificateAway);
    assert!(certificates.slot(&address(0)).is_ok(), "those that are known are still to be had");
    drop(held);
    assert!(certificates.slot(&address(ADDRESSES_MAX)).is_ok());
}

/// What SNS posts, as far as it matters here.
fn envelope(topic: &str) -> Envelope {
    let body = json!({
        "Type": "Notification",
        "MessageId": "4d4dc071-ddbf-465d-bba8-08f81c89da64",
        "TopicArn": format!("arn:aws:sns:us-east-1:123456789012:{topic}"),
        "Message": "",
        "Timestamp": "2026-11-22T18:30:54.000Z",
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": address(0).to_string(),
    });
    Envelope::read(&serde_json::to_vec(&body).unwrap()).map_err(|refusal| refusal.reason).unwrap()
}

/// A certificate is kept for a day; then it is asked for again, and used until there is another one.
#[tokio::test]
async fn a_key_that_was_good_is_used_while_there_is_no_newer_one() {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let params = CertificateParams::new(["sns.amazonaws.com".to_owned()]).unwrap();
    let key = Arc::new(SigningKey::read(params.self_signed(&key).unwrap().pem().as_bytes()).unwrap());
    for is_budget_left in [true, false] {
        let (certificates, envelope) = (certificates(), envelope("ses"));
        if !is_budget_left {
            while certificates.budgets.check_key(&envelope.topic).is_ok() {}
        }
        let slot = certificates.slot(&envelope.certificate).unwrap();
        assert!(matches!(certificates.find(&slot, &envelope).await, Finding::Away(_)), "none is known");
        let known = Known { finding: Finding::Key(Arc::clone(&key)), until: Instant::now() };
        *slot.known.lock().await = Some(known);
        // Nobody answers, or nobody may be asked.
        let found = certificates.find(&slot, &envelope).await;
        assert!(matches!(found, Finding::Key(found) if Arc::ptr_eq(&found, &key)), "{is_budget_left}");
    }
}

#[tokio::test]
async fn each_topic_has_a_budget() {
    let certificates = certificates();
    let (ses, other) = (envelope("ses"), envelope("other"));
    while certificates.budgets.check_key(&ses.topic).is_ok() {}
    let slot = certificates.slot(&ses.certificate).unwrap();
    let why = async |envelope: &Envelope| match certificates.find(&slot, envelope).await {
        Finding::Away(why) => why,
        _ => panic!("nobody is there"),
    };
    assert!(why(&ses).await.starts_with("too many"));
    assert!(why(&other).await.starts_with("no connection"));
}
