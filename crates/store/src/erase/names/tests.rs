//! In which spellings an address is found, and in which not.

use proptest::prelude::*;

use super::*;

fn ann() -> Person {
    Person::new("ann+x@example.com".to_owned(), "erased-0@example.com".to_owned())
}

#[test]
fn a_person_is_found_in_every_spelling() {
    for (text, expected) in [
        ("ann+x@example.com", "erased-0@example.com"),
        ("to ANN+X@Example.COM, or", "to erased-0@example.com, or"),
        (
            "Ann Smith <ann+x@example.com>, Bob <bob@example.com>",
            "erased-0@example.com, Bob <bob@example.com>",
        ),
        (
            "Bob <bob@example.com>, \"Smith, Ann\" <ann+x@example.com>",
            "Bob <bob@example.com>, erased-0@example.com",
        ),
        ("https://x.org/?e=ann%2Bx%40example.com&y", "https://x.org/?e=erased-0@example.com&y"),
        ("https://x.org/?e=ann+x%40example.com.", "https://x.org/?e=erased-0@example.com."),
        ("smtp; 550 5.1.1 <ann+x@example.com>: unknown", "smtp; 550 5.1.1 <erased-0@example.com>: unknown"),
        ("a=3D\"mailto:ann+x=40example.com\"", "a=3D\"mailto:erased-0@example.com\""),
        ("id YW5uK3hAZXhhbXBsZS5jb20= end", "id (erased)= end"),
        ("ann&#64;example.com ann+x&#64;example.com", "ann&#64;example.com erased-0@example.com"),
    ] {
        assert_eq!(ann().without(text).as_deref(), Some(expected), "{text}");
    }
    for other in [
        "joann+x@example.com",
        "ann+x@example.com.au",
        "ann+x@example.community",
        "ann+x@example.co",
        "",
        "ann",
        "am9lQGV4YW1wbGUuY29tIGFuZCBvdGhlcnM=",
    ] {
        assert_eq!(ann().without(other), None, "{other}");
    }
}

#[test]
fn what_stands_before_base64_does_not_hide_it() {
    for (text, expected) in [
        ("https://x.org/i/YW5uK3hAZXhhbXBsZS5jb20?a", "https://x.org/i/(erased)?a"),
        ("\\nYW5uK3hAZXhhbXBsZS5jb20=", "\\(erased)="),
        // `<ann+x@example.com> ` and `?e=ann%2Bx%40example.com&`.
        ("c/PGFubit4QGV4YW1wbGUuY29tPiA", "c/(erased)"),
        ("c-P2U9YW5uJTJCeCU0MGV4YW1wbGUuY29tJg==", "(erased)=="),
        // `ANN+X@Example.com`, once a text is looked at for another reason.
        ("QU5OK1hARXhhbXBsZS5jb20=", "(erased)="),
    ] {
        assert_eq!(ann().without(text).as_deref(), Some(expected), "{text}");
    }
}

/// In base64 some characters differ between the two alphabets.
#[test]
fn both_alphabets_are_known() {
    let person = Person::new("a~b~c~d@example.com".to_owned(), "erased-0@example.com".to_owned());
    for text in ["YX5ifmN+ZEBleGFtcGxlLmNvbQ==", "YX5ifmN-ZEBleGFtcGxlLmNvbQ=="] {
        assert!(person.may_be_in(text), "{:?}", person.hints);
        assert_eq!(person.without(text).as_deref(), Some("(erased)=="));
    }
}

/// A person, a text in which the address stands by itself, and that in base64 among others.
fn encoded() -> impl Strategy<Value = (String, String)> {
    let address = "[a-z0-9]([a-z0-9._+-]{0,14}[a-z0-9])?@([a-z]{1,8}\\.){1,2}[a-z]{2,6}";
    let before = prop_oneof![Just(String::new()), "\\PC{0,9}[ <\"(:,;\n]"];
    let after = prop_oneof![Just(String::new()), "[ >\"):,;\n?]\\PC{0,9}"];
    let outside =
        prop::sample::select(vec!["", "a", "ab", "abc", "x/", "https://t.example/c/", "a b=", "\\n"]);
    let behind = prop::sample::select(vec!["", "=", "/x", "-x", "_x/y", " and", "\"", "&c=1"]);
    let spelled = prop::sample::select(vec!["@", "%40"]);
    (address, before, after, spelled, outside, behind, any::<bool>(), any::<bool>()).prop_map(
        |(address, before, after, at, outside, behind, is_url_safe, is_padded)| {
            let inner = format!("{before}{}{after}", address.replace('@', at));
            let config = GeneralPurposeConfig::new().with_encode_padding(is_padded);
            let alphabet = if is_url_safe { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
            let encoded = GeneralPurpose::new(alphabet, config).encode(inner);
            (address, format!("{outside}{encoded}{behind}"))
        },
    )
}

proptest! {
    #[test]
    fn an_address_is_found_at_any_place_of_any_base64((address, text) in encoded()) {
        let person = Person::new(address.clone(), "erased-0@example.com".to_owned());
        prop_assert!(person.may_be_in(&text), "{:?}", person.hints);
        let without = person.without(&text);
        prop_assert!(without.as_deref().is_some_and(|without| without.contains(ERASED)), "{without:?}");
        prop_assert_eq!(without.and_then(|without| person.without(&without)), None);
        let mut found = BTreeSet::new();
        addresses_in(&text, &mut found);
        prop_assert!(found.contains(&address), "{found:?}");
        let places = address_places(&text);
        prop_assert!(!places.is_empty());
        let mut rest = text.clone();
        for place in places.into_iter().rev() {
            rest.replace_range(place, " ");
        }
        prop_assert!(!person.is_named_in(&rest), "{rest}");
    }
}

#[test]
fn case_that_changes_length_moves_nothing() {
    let text = "İİ ann+x@example.com ß";
    assert_eq!(ann().without(text).unwrap(), "İİ erased-0@example.com ß");
}

#[test]
fn all_of_a_json_value_is_looked_at() {
    let mut value = serde_json::json!({
        "to": ["Ann <ann+x@example.com>", { "ann+x@example.com": 1 }], "n": 1, "inner": "{\"a\": \"ann+x\\u0040example.com\"}",
    });
    assert!(ann().leave(&mut value));
    assert!(!value.to_string().contains("ann+x"), "{value}");
    assert!(!ann().leave(&mut value));
}

#[test]
fn every_address_is_a_candidate() {
    for text in [
        "ann+x@example.com",
        "Ann <ANN+x@example.com>;",
        "?e=ann%2Bx%40example.com&",
        "'ann+x@example.com'.",
        "x YW5uK3hAZXhhbXBsZS5jb20 y",
    ] {
        let mut found = BTreeSet::new();
        addresses_in(text, &mut found);
        assert!(found.contains("ann+x@example.com"), "{text}: {found:?}");
    }
}
