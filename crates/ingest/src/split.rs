//! Cutting a stream of bytes into messages.
//!
//! A stream holds JSON documents, one to a line, one over many lines, or one after the other without anything
//! between (as Firehose writes them), and lines of plain text. A list of objects (as `jq -s` writes it) is the
//! messages that it lists. A document that is broken ends where the next one plainly begins: one bad line must
//! not swallow its neighbours.

use aftersend_event::limits::MESSAGE_BYTES_MAX;
use memchr::{memchr, memchr3};

/// How often the lines of one broken document are looked through again for whole ones.
const RESCANS_MAX: usize = 16;

/// A message cut from the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The line it begins in; the first is 1.
    pub(crate) line: u64,
    /// Its bytes, without the space around it; of an overlong one the first [`MESSAGE_BYTES_MAX`], or as many as were asked
    /// for.
    pub(crate) body: Vec<u8>,
    /// How long it is, if it is longer than what was kept.
    pub(crate) overlong_bytes: Option<u64>,
}

/// The cutter's state between two bytes.
#[derive(Debug)]
pub(crate) struct Splitter {
    cuts: Vec<Cut>,
    state: State,
    body: Vec<u8>,
    body_bytes: u64,
    body_line: u64,
    line: u64,
    /// The last byte that is no space, within a document.
    previous: u8,
    at_line_start: bool,
    /// Between the elements of a list, which are messages.
    in_list: bool,
    rescans: usize,
    body_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    /// In a line that is no JSON.
    Text,
    /// After a bracket that begins a list of messages if an object follows, and some other document if not.
    Opening,
    /// In a document, outside its strings, so many brackets deep; at none in an element of a list that is neither
    /// object nor array.
    Json {
        depth: u64,
    },
    /// In a string of a document; `escaped` after a backslash.
    JsonString {
        depth: u64,
        escaped: bool,
    },
}

impl Default for Splitter {
    fn default() -> Self {
        Self::with_limit(MESSAGE_BYTES_MAX)
    }
}

impl Splitter {
    /// Keeps so many bytes of a message.
    pub(crate) fn with_limit(body_bytes_max: usize) -> Self {
        Self {
            body_bytes_max,
            cuts: Vec::new(),
            state: State::Between,
            body: Vec::new(),
            body_bytes: 0,
            body_line: 1,
            line: 1,
            previous: 0,
            at_line_start: true,
            in_list: false,
            rescans: 0,
        }
    }

    /// Takes the next bytes of the stream, and gives the messages that end in them.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Cut> {
        self.take_in(bytes);
        std::mem::take(&mut self.cuts)
    }

    /// Gives what is left at the stream's end.
    pub(crate) fn finish(&mut self) -> Vec<Cut> {
        match self.state {
            State::Between => {}
            State::Text | State::Opening => self.cut(),
            State::Json { .. } | State::JsonString { .. } => self.give_up(),
        }
        std::mem::take(&mut self.cuts)
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            match self.plain_bytes(rest) {
                0 => {
                    self.push_byte(byte);
                    rest = after;
                }
                plain => {
                    let (run, after) = rest.split_at(plain);
                    self.keep_run(run);
                    self.at_line_start = false;
                    rest = after;
                }
            }
        }
    }

    /// How many of the next bytes are kept and change nothing else. Most of a stream is such runs: byte by byte,
    /// cutting would take as long as reading the events.
    fn plain_bytes(&self, bytes: &[u8]) -> usize {
        let end = match self.state {
            State::Text => memchr(b'\n', bytes),
            State::JsonString { escaped: false, .. } => return plain_bytes_of_string(bytes),
            State::Json { depth: 1.. } => {
                bytes.iter().position(|&byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b'\n'))
            }
            _ => return 0,
        };
        end.unwrap_or(bytes.len())
    }

    fn push_byte(&mut self, byte: u8) {
        let begins_line = std::mem::replace(&mut self.at_line_start, byte == b'\n');
        match self.state {
            State::Between => self.between(byte),
            State::Text if byte == b'\n' => self.cut(),
            State::Text => self.keep(byte),
            State::Opening => self.opening(byte),
            // A document that begins in the first column, where this one can't go on with one: this one is broken.
            State::Json { .. }
                if begins_line && byte == b'{' && !matches!(self.previous, b':' | b',' | b'[') =>
            {
                self.give_up();
                self.push_byte_again(byte);
                return;
            }
            State::Json { depth: 0 } => self.scalar(byte),
            State::Json { depth } => self.outside_string(byte, depth),
            // No JSON string holds a line's end: this document is broken.
            State::JsonString { .. } if byte == b'\n' => self.give_up(),
            State::JsonString { depth, escaped } => self.inside_string(byte, depth, escaped),
        }
        if byte == b'\n' {
            self.line += 1;
        }
    }

    fn push_byte_again(&mut self, byte: u8) {
        self.at_line_start = true;
        self.push_byte(byte);
    }

    fn between(&mut self, byte: u8) {
        // The three bytes of a byte order mark count as space.
        if byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF) {
            return;
        }
        if self.in_list && matches!(byte, b',' | b']') {
            self.in_list = byte == b',';
            return;
        }
        self.body_line = self.line;
        self.state = match byte {
            b'[' if !self.in_list => State::Opening,
            b'{' | b'[' => State::Json { depth: 1 },
            b'"' if self.in_list => State::JsonString { depth: 0, escaped: false },
            _ if self.in_list => State::Json { depth: 0 },
            _ => State::Text,
        };
        self.keep(byte);
    }

    fn opening(&mut self, byte: u8) {
        match byte {
            b'{' => {
                self.begin();
                self.in_list = true;
                self.between(byte);
            }
            // A list of nothing.
            b']' => self.begin(),
            _ if byte.is_ascii_whitespace() => self.keep(byte),
            _ => self.outside_string(byte, 1),
        }
    }

    fn scalar(&mut self, byte: u8) {
        match byte {
            b',' | b']' => {
                self.cut();
                self.between(byte);
            }
            b'\n' => self.cut(),
            _ => self.outside_string(byte, 0),
        }
    }

    fn outside_string(&mut self, byte: u8, depth: u64) {
        if depth == 1 && byte == b']' && self.in_list && self.body.first() == Some(&b'{') {
            // It ends the list: this element is broken.
            self.give_up();
            return self.between(byte);
        }
        self.keep(byte);
        self.state = match byte {
            b'"' => State::JsonString { depth, escaped: false },
            b'{' | b'[' => State::Json { depth: depth + 1 },
            b'}' | b']' if depth == 1 => return self.cut(),
            b'}' | b']' => State::Json { depth: depth.saturating_sub(1) },
            _ => State::Json { depth },
        };
    }

    fn inside_string(&mut self, byte: u8, depth: u64, escaped: bool) {
        self.keep(byte);
        self.state = match byte {
            b'"' if !escaped => State::Json { depth },
            b'\\' => State::JsonString { depth, escaped: !escaped },
            _ => State::JsonString { depth, escaped: false },
        };
    }

    fn keep(&mut self, byte: u8) {
        self.keep_run(&[byte]);
    }

    fn keep_run(&mut self, run: &[u8]) {
        self.body_bytes += run.len() as u64;
        let room = self.body_bytes_max - self.body.len();
        self.body.extend_from_slice(&run[..run.len().min(room)]);
        if let Some(&byte) = run.iter().rev().find(|byte| !byte.is_ascii_whitespace()) {
            self.previous = byte;
        }
    }

    /// The message ends here.
    fn cut(&mut self) {
        let mut body = std::mem::take(&mut self.body);
        let overlong_bytes = (self.body_bytes > body.len() as u64).then_some(self.body_bytes);
        body.truncate(body.trim_ascii_end().len());
        self.cuts.push(Cut { line: self.body_line, body, overlong_bytes });
        self.begin();
    }

    fn begin(&mut self) {
        self.state = State::Between;
        self.body.clear();
        self.body_bytes = 0;
        self.previous = 0;
        self.rescans = 0;
    }

    /// The document is broken. Its first line is what was broken as a rule; the others may be whole.
    fn give_up(&mut self) {
        let first_line_bytes = self.body.iter().position(|&byte| byte == b'\n');
        let whole = self.body_bytes == self.body.len() as u64;
        let rescans = self.rescans;
        match first_line_bytes {
            Some(end) if whole && rescans < RESCANS_MAX && holds_document(&self.body[end..]) => {
                let rest = self.body.split_off(end);
                let line_now = self.line;
                self.body_bytes = end as u64;
                self.cut();
                self.line = self.cuts.last().expect("one was just cut").line;
                self.rescans = rescans + 1;
                self.take_in(&rest);
                // What the rest leaves open is broken, too.
                if self.state != State::Between {
                    self.rescans = rescans + 1;
                    self.finish_open();
                }
                self.line = line_now;
            }
            _ => self.cut(),
        }
    }

    fn finish_open(&mut self) {
        if matches!(self.state, State::Text | State::Opening) { self.cut() } else { self.give_up() }
    }
}

/// How many bytes there are before a string's end or what breaks it, its escapes included: an event in an envelope is a
/// string full of them.
fn plain_bytes_of_string(bytes: &[u8]) -> usize {
    let mut end = 0;
    while let Some(plain) = memchr3(b'"', b'\\', b'\n', &bytes[end..]) {
        end += plain;
        match &bytes[end..] {
            [b'\\', escaped, ..] if *escaped != b'\n' => end += 2,
            _ => return end,
        }
    }
    bytes.len()
}

/// Whether a line begins like a document in its first column. Where none does, the lines belong together.
fn holds_document(lines: &[u8]) -> bool {
    lines.windows(2).any(|pair| pair == b"\n{")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(stream: &str, expected: &[(u64, &str)]) {
        // However the stream is cut into reads, the messages are the same.
        for step in [1, 3, stream.len().max(1)] {
            let mut splitter = Splitter::default();
            let mut cuts: Vec<Cut> =
                stream.as_bytes().chunks(step).flat_map(|part| splitter.push(part)).collect();
            cuts.extend(splitter.finish());
            let got: Vec<(u64, &str)> =
                cuts.iter().map(|cut| (cut.line, std::str::from_utf8(&cut.body).unwrap())).collect();
            assert_eq!(got, expected, "in steps of {step}");
        }
    }

    #[test]
    fn lines_are_messages() {
        check("{\"a\":1}\n{\"b\":2}\n", &[(1, "{\"a\":1}"), (2, "{\"b\":2}")]);
        check("\u{feff}{\"a\":1}\r\n\r\n{\"b\":2}", &[(1, "{\"a\":1}"), (3, "{\"b\":2}")]);
        check("Successfully validated\n{\"a\":1}", &[(1, "Successfully validated"), (2, "{\"a\":1}")]);
        check("", &[]);
    }

    #[test]
    fn a_document_may_take_many_lines() {
        check(
            "{\n  \"a\": \"}\\\"{\",\n  \"b\": [\n{}\n]\n}\n{\"c\":1}\n",
            &[(1, "{\n  \"a\": \"}\\\"{\",\n  \"b\": [\n{}\n]\n}"), (7, "{\"c\":1}")],
        );
    }

    #[test]
    fn documents_may_stand_without_anything_between() {
        check("{\"a\":1}{\"b\":{}}\n", &[(1, "{\"a\":1}"), (1, "{\"b\":{}}")]);
    }

    #[test]
    fn a_list_of_objects_is_the_messages_it_lists() {
        let pretty = "[\n  {\n    \"a\": [1, {}]\n  },\n  {\n    \"b\": 2\n  }\n]\n";
        check(pretty, &[(2, "{\n    \"a\": [1, {}]\n  }"), (5, "{\n    \"b\": 2\n  }")]);
        check("[{\"a\":1},{\"b\":2}]", &[(1, "{\"a\":1}"), (1, "{\"b\":2}")]);
        check("\u{feff}[\r\n{\"a\":1},\r\n{\"b\":2}\r\n]\r\n", &[(2, "{\"a\":1}"), (3, "{\"b\":2}")]);
        check(
            "[{\"a\":1}][{\"b\":2}]\n{\"c\":3}\ntext, more",
            &[(1, "{\"a\":1}"), (1, "{\"b\":2}"), (2, "{\"c\":3}"), (3, "text, more")],
        );
        check("[]\n[ \n ]{\"a\":1}", &[(3, "{\"a\":1}")]);
    }

    #[test]
    fn what_else_a_list_holds_harms_no_other() {
        check(
            "[{\"a\":1}, 5, \"x,]\", [1,[2]], null , {\"b\":2}]",
            &[(1, "{\"a\":1}"), (1, "5"), (1, "\"x,]\""), (1, "[1,[2]]"), (1, "null"), (1, "{\"b\":2}")],
        );
        // Broken off.
        check("[{\"a\":1},\n{\"b\":", &[(1, "{\"a\":1}"), (2, "{\"b\":")]);
        check(
            "[{\"a\":1},\n{\"b\":\n{\"c\":3},\n{\"d\":4}]\n",
            &[(1, "{\"a\":1}"), (2, "{\"b\":"), (3, "{\"c\":3}"), (4, "{\"d\":4}")],
        );
        check("[{\"a\":1},\noops\n{\"b\":2}]", &[(1, "{\"a\":1}"), (2, "oops"), (3, "{\"b\":2}")]);
        // Other lists are no lists of messages.
        check("[1,{\"a\":1}]", &[(1, "[1,{\"a\":1}]")]);
        check("[[{\"a\":1}]]", &[(1, "[[{\"a\":1}]]")]);
        check("[INFO] text", &[(1, "[INFO]"), (1, "text")]);
        check("[ ", &[(1, "[")]);
    }

    #[test]
    fn a_broken_line_harms_no_other() {
        check("{\"a\":{\n{\"b\":2}\n{\"c\":3}\n", &[(1, "{\"a\":{"), (2, "{\"b\":2}"), (3, "{\"c\":3}")]);
        check("{\"a\":\"cut\n{\"b\":2}\n", &[(1, "{\"a\":\"cut"), (2, "{\"b\":2}")]);
        // Broken off where a document could go on.
        check("{\"a\":\n{\"b\":2}\n{\"c\":3}\n", &[(1, "{\"a\":"), (2, "{\"b\":2}"), (3, "{\"c\":3}")]);
        check("{\"a\":1}}\n{\"b\":2}\n", &[(1, "{\"a\":1}"), (1, "}"), (2, "{\"b\":2}")]);
        check("{\"a\":1}\n{\"b\":", &[(1, "{\"a\":1}"), (2, "{\"b\":")]);
        check("{\"a\":1,\n\"b\":[\n1,", &[(1, "{\"a\":1,\n\"b\":[\n1,")]);
    }

    #[test]
    fn an_overlong_message_is_cut_and_says_how_long_it_was() {
        let long = format!("{{\"a\":\"{}\"}}\n{{\"b\":2}}\n", "x".repeat(MESSAGE_BYTES_MAX));
        let mut splitter = Splitter::default();
        let cuts = splitter.push(long.as_bytes());
        assert_eq!(cuts.len(), 2);
        assert_eq!(cuts[0].body.len(), MESSAGE_BYTES_MAX);
        assert_eq!(cuts[0].overlong_bytes, Some(MESSAGE_BYTES_MAX as u64 + 8));
        assert_eq!(cuts[1].body, b"{\"b\":2}");
    }

    proptest! {
        /// Nothing is lost: whatever the stream, the messages hold all of it but space and what makes a list.
        #[test]
        fn every_byte_is_in_a_message(stream in "[{}\\[\\]\":,a\\\\\n ]{0,60}") {
            let mut splitter = Splitter::default();
            let mut cuts = splitter.push(stream.as_bytes());
            cuts.extend(splitter.finish());
            let solid = |bytes: &[u8]| {
                bytes.iter().copied().filter(|b| !b.is_ascii_whitespace() && !b"[],".contains(b)).collect::<Vec<u8>>()
            };
            let kept: Vec<u8> = cuts.iter().flat_map(|cut| solid(&cut.body)).collect();
            prop_assert_eq!(kept, solid(stream.as_bytes()));
            prop_assert!(cuts.windows(2).all(|pair| pair[0].line <= pair[1].line));
        }

        /// Whole documents between broken lines come out whole.
        #[test]
        fn whole_lines_survive_broken_neighbours(broken in proptest::collection::vec("\\{\"[a-z]{1,3}\"[:,\\[]?[a-z\"\\{]{0,6}", 0..5)) {
            let whole = "{\"eventType\":\"Send\",\"mail\":{\"a\":[1,2]}}";
            let mut stream = String::new();
            for line in &broken {
                stream.push_str(line);
                stream.push('\n');
                stream.push_str(whole);
                stream.push('\n');
            }
            let mut splitter = Splitter::default();
            let mut cuts = splitter.push(stream.as_bytes());
            cuts.extend(splitter.finish());
            prop_assert_eq!(cuts.iter().filter(|cut| cut.body == whole.as_bytes()).count(), broken.len(), "{}", stream);
        }
    }
}
