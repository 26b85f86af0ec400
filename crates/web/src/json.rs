//! Raw JSON, laid out for reading.

use crate::text::{named, turns_direction};

/// How deep the layout indents. Deeper levels stay at this depth, or a document of brackets alone would grow
/// with the square of its size.
const INDENT_LEVELS_MAX: usize = 16;

/// The JSON with a line for each member, every string and number spelled as it came.
///
/// A parser would reorder members, round numbers and refuse what is broken; the layout only adds and removes
/// white space outside strings, so that it works on any text. Direction marks are named, as elsewhere.
pub(crate) fn laid_out(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            push_visible(&mut out, character);
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match character {
            '"' => {
                in_string = true;
                out.push('"');
            }
            '{' | '[' => {
                out.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(closing) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(closing);
                } else {
                    depth += 1;
                    break_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ if character.is_ascii_whitespace() => {}
            _ => push_visible(&mut out, character),
        }
    }
    out
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth.min(INDENT_LEVELS_MAX) {
        out.push_str("  ");
    }
}

fn push_visible(out: &mut String, character: char) {
    if character.is_control() || turns_direction(character) {
        out.push_str(&named(character));
    } else {
        out.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_get_a_line_each_and_keep_their_spelling() {
        assert_eq!(
            laid_out(r#"{"b":1.50,"a":[1e400, {} , []],"s":"x{,}: \"y\" \\"}"#),
            "{\n  \"b\": 1.50,\n  \"a\": [\n    1e400,\n    {},\n    []\n  ],\n  \"s\": \"x{,}: \\\"y\\\" \\\\\"\n}"
        );
        let once = laid_out(r#"{"a":{"b":[1,2]}}"#);
        assert_eq!(laid_out(&once), once, "laying out twice changes nothing");
    }

    #[test]
    fn broken_and_hostile_text_comes_out_bounded() {
        assert_eq!(laid_out("}}]] \"open"), "\n}\n}\n]\n]\"open");
        assert_eq!(laid_out("\"a\u{202E}b\""), "\"a⟨U+202E⟩b\"");
        let brackets = "[".repeat(100_000);
        assert!(laid_out(&brackets).len() < 100_000 * (2 + 2 * INDENT_LEVELS_MAX));
    }
}
