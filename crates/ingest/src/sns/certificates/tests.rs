use rustls::RootCertStore;

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
