//! Text from outside, made safe to look at. Escaping for HTML is the templates' work; what is done here is
//! about what an eye would be deceived by.

use std::borrow::Cow;

/// Characters of any one value shown on a page at most; the whole stands in the raw event.
pub(crate) const VALUE_CHARS_MAX: usize = 400;

/// The text with its invisible troublemakers named: control characters, and the marks that turn the
/// direction of writing and so can show an address as another one. Line breaks and tabs become spaces.
/// A text of which nothing could be seen has all its characters named, so that a link by that text can be found.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| character.is_whitespace() || takes_no_room(character)) {
        return Cow::Owned(text.trim().chars().map(named).collect());
    }
    if !text.chars().any(|character| character.is_control() || turns_direction(character)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => shown.push(' '),
            _ if character.is_control() || turns_direction(character) => shown.push_str(&named(character)),
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// The text in one line of readable length: [`visible`], and cut at [`VALUE_CHARS_MAX`] with an ellipsis.
pub(crate) fn value(text: &str) -> String {
    clipped(text, VALUE_CHARS_MAX)
}

/// The text, [`visible`], cut after so many characters of it.
pub(crate) fn clipped(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => visible(text).into_owned(),
        Some((end, _)) => format!("{}…", visible(&text[..end]).trim_end()),
    }
}

/// The text with what means something in HTML escaped. For the few places that no template writes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// `⟨U+202E⟩`
pub(crate) fn named(character: char) -> String {
    format!("⟨U+{:04X}⟩", u32::from(character))
}

/// Whether the character changes the order in which its neighbours are written.
/// <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>
pub(crate) fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether nothing is seen of the character where it stands alone.
/// <https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point>
fn takes_no_room(character: char) -> bool {
    matches!(character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The text as a part of a URL's query or path, percent-encoded except for what RFC 3986 calls unreserved.
pub(crate) fn url_encoded(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_direction_marks_are_named() {
        assert_eq!(visible("plain äöü שלום"), "plain äöü שלום");
        assert_eq!(visible("a\u{202E}moc.elpmaxe"), "a⟨U+202E⟩moc.elpmaxe");
        assert_eq!(
            visible("bell\u{7}, escape\u{1b}[31m, del\u{7f}"),
            "bell⟨U+0007⟩, escape⟨U+001B⟩[31m, del⟨U+007F⟩"
        );
        assert_eq!(visible("two\r\nlines\tand a tab"), "two  lines and a tab");
    }

    #[test]
    fn a_text_of_which_nothing_is_seen_is_named_as_a_whole() {
        assert_eq!(visible(" \u{200B} "), "⟨U+200B⟩");
        assert_eq!(visible("\u{FEFF}\u{A0}\u{3164}"), "⟨U+FEFF⟩⟨U+00A0⟩⟨U+3164⟩");
        assert_eq!(visible("  \t "), "");
        assert_eq!(visible("👩\u{200D}👧"), "👩\u{200D}👧");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "ä".repeat(10_000);
        let shown = value(&long);
        assert_eq!(shown.chars().count(), VALUE_CHARS_MAX + 1);
        assert!(shown.ends_with('…'));
        assert_eq!(clipped("exactly", 7), "exactly");
    }

    #[test]
    fn urls_keep_nothing_that_means_something_there() {
        assert_eq!(url_encoded("a b&c=d/é<\"'>"), "a%20b%26c%3Dd%2F%C3%A9%3C%22%27%3E");
        assert_eq!(url_encoded("A-z_0.9~"), "A-z_0.9~");
    }
}
