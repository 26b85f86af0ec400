//! A walk over a header's text that keeps quoted strings and comments apart from the rest.

/// A part of the text. All boundaries are character boundaries, since every delimiter is ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// One byte that stands for itself.
    Plain { at: usize, byte: u8 },
    /// A quoted string, its quotes included.
    Quoted { from: usize, to: usize },
    /// A comment in parentheses, those within it included.
    Comment,
}

/// The parts of `text` in order. A quote or a parenthesis that never closes stands for itself, and so does
/// every later one of its kind: that keeps the walk linear on hostile input.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece> {
    let bytes = text.as_bytes();
    let (mut at, mut quotes_close, mut comments_close) = (0, true, true);
    std::iter::from_fn(move || {
        let byte = *bytes.get(at)?;
        let from = at;
        if byte == b'"' && quotes_close {
            match quoted_end(bytes, at) {
                Some(end) => {
                    at = end;
                    return Some(Piece::Quoted { from, to: end });
                }
                None => quotes_close = false,
            }
        }
        if byte == b'(' && comments_close {
            match comment_end(bytes, at) {
                Some(end) => {
                    at = end;
                    return Some(Piece::Comment);
                }
                None => comments_close = false,
            }
        }
        at += 1;
        Some(Piece::Plain { at: from, byte })
    })
}

fn quoted_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

fn comment_end(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}
