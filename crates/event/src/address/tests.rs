use super::*;

#[test]
fn normalised() {
    for (raw, expected) in [
        ("jane@example.com", "jane@example.com"),
        ("Jane <Jane@Example.COM>", "jane@example.com"),
        ("  jane@example.com\t", "jane@example.com"),
        ("<jane@example.com>", "jane@example.com"),
        ("< jane@example.com >", "jane@example.com"),
        (r#""Doe, Jane" <jane@example.com>"#, "jane@example.com"),
        (r#""Jane <the> Doe" <jane@example.com>"#, "jane@example.com"),
        (r#""Jane \"<x@y>\" Doe" <jane@example.com>"#, "jane@example.com"),
        ("=?UTF-8?B?SsOkbmU=?= <jane@example.com>", "jane@example.com"),
        ("=?UTF-8?Q?J=C3=A4ne?= =?UTF-8?Q?_Doe?= <jane@example.com>", "jane@example.com"),
        ("=?UTF-8?Q?jane=40example.com?=", "jane@example.com"),
        ("=?utf-8?b?SmFuZSA8SmFuZUBFeGFtcGxlLmNvbT4=?=", "jane@example.com"),
        ("=?ISO-8859-1?Q?J=E4ne=40example.com?=", "jäne@example.com"),
        ("jane@example.com (Jane Doe)", "jane@example.com"),
        ("(work) Jane (the \\) one (and only)) <jane@example.com> (x)", "jane@example.com"),
        ("<jane@example.com (inside)>", "jane@example.com"),
        ("Jane <jane@example.com", "jane@example.com"),
        ("\"Jane <jane@example.com>", "jane@example.com"),
        ("Jane ( <jane@example.com>", "jane@example.com"),
        ("\"Jane Doe\"@Example.com", "\"jane doe\"@example.com"),
        ("\"a<b\"@example.com", "\"a<b\"@example.com"),
        ("jane@example.com.", "jane@example.com."),
        ("jane+tag@example.com", "jane+tag@example.com"),
        ("mailto:jane@example.com", "mailto:jane@example.com"),
        ("ΟΔΥΣΣΕΥΣ@example.gr", "οδυσσευσ@example.gr"),
        ("<>", "<>"),
        ("Jane <>", "jane <>"),
        ("Garbage In", "garbage in"),
        ("(only a comment)", "(only a comment)"),
        ("=?UTF-8?Q?broken=4?=", "=?utf-8?q?broken=4?="),
        ("=?KOI8-R?Q?jane=40example.com?=", "=?koi8-r?q?jane=40example.com?="),
        ("=?=", "=?="),
        ("\"", "\""),
        ("\\", "\\"),
        ("\"\\", "\"\\"),
        ("(\\", "(\\"),
        ("><", "><"),
        ("", ""),
        (" ", ""),
    ] {
        assert_eq!(normalise_address(raw), expected, "{raw}");
    }
}

#[test]
fn normalising_twice_changes_nothing_for_addresses() {
    for raw in
        ["Jane <Jane@Example.COM>", "jane@example.com (Jane)", "\"a b\"@Example.com", "\"a<b\"@example.com"]
    {
        let once = normalise_address(raw);
        assert_eq!(normalise_address(&once), once);
    }
}

#[test]
fn first_of_a_list() {
    for (list, expected) in [
        ("\"Jane Doe\" <Jane@example.com>, \"Mary Doe\" <mary@example.com>", "Jane@example.com"),
        ("jane@example.com,mary@example.com", "jane@example.com"),
        ("jane@example.com;mary@example.com", "jane@example.com"),
        ("\"Doe, Jane\" <jane@example.com>, mary@example.com", "jane@example.com"),
        ("Doe, Jane <jane@example.com>, mary@example.com", "jane@example.com"),
        ("(a, b) jane@example.com, mary@example.com", "jane@example.com"),
        ("Team: Jane <jane@example.com>, mary@example.com;", "jane@example.com"),
        (" , ,jane@example.com", "jane@example.com"),
        ("jane@[IPv6:2001:db8::1], mary@example.com", "jane@[IPv6:2001:db8::1]"),
        ("jane@example.com", "jane@example.com"),
        ("undisclosed-recipients:;", ""),
        ("jane", "jane"),
        (",", ""),
        ("", ""),
    ] {
        assert_eq!(first_address(list), expected, "{list}");
    }
}

#[test]
fn the_simulator_is_known_with_labels() {
    assert!(is_simulator_address("bounce@simulator.amazonses.com"));
    assert!(is_simulator_address("complaint+label2@simulator.amazonses.com"));
    assert!(!is_simulator_address("bounce@simulator.amazonses.com.example.com"));
    assert!(!is_simulator_address("jane@example.com"));
}

#[test]
fn hostile_texts_are_read_in_linear_time() {
    // Quadratic work on a text of this length would take minutes.
    for text in ["\"\\", "(", "\"(", "<\"", ",<", "\\\"", "((\""] {
        let long = text.repeat(100_000);
        assert!(!normalise_address(&long).is_empty());
        assert!(first_address(&long).len() <= long.len());
    }
}
