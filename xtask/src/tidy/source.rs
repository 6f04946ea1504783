//! A Rust file, split into code and comments, with the few questions that the rules ask of it.

use std::ops::Range;

use super::Offence;

/// One file. `code` and `comments` are as long as `text`, byte for byte, so that an offset means the same in all three.
pub(super) struct Source {
    /// Its path from the repository's root.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
    /// The code: comments, strings and character literals are blank.
    pub(super) code: String,
    /// The comments: everything else is blank.
    comments: String,
    /// Whether all of it is test code; the walk over the modules finds out.
    pub(super) is_test: bool,
    line_starts: Vec<usize>,
    test_parts: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn new(path: &str, text: String) -> Source {
        let (code, comments) = split(&text);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let test_parts = test_parts(&code);
        Source { path: path.to_owned(), text, code, comments, is_test: false, line_starts, test_parts }
    }

    /// The line of an offset, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= at)
    }

    pub(super) fn offence(&self, at: usize, message: impl Into<String>) -> Offence {
        Offence { path: self.path.clone(), line: self.line(at), message: message.into() }
    }

    /// Whether this place is test code.
    pub(super) fn is_test_at(&self, at: usize) -> bool {
        self.is_test || self.test_parts.iter().any(|part| part.contains(&at))
    }

    /// Whether somebody gave a reason here: a comment, and not a doc comment, on this line or on the one above.
    pub(super) fn has_reason(&self, at: usize) -> bool {
        let line = self.line(at);
        self.is_plain_comment(line) || (line > 1 && self.is_plain_comment(line - 1))
    }

    /// The comments with their offsets, line by line.
    pub(super) fn comment_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.line_starts.iter().map(|start| (*start, self.comments[*start..].lines().next().unwrap_or_default()))
    }

    fn is_plain_comment(&self, line: usize) -> bool {
        let comment = self.comments[self.line_starts[line - 1]..].lines().next().unwrap_or_default().trim();
        !comment.is_empty() && !comment.starts_with("///") && !comment.starts_with("//!")
    }

    /// Where a word stands in the code, as a whole word.
    pub(super) fn places_of<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        identifiers(&self.code).filter(move |(_, identifier)| *identifier == word).map(|(at, _)| at)
    }
}

/// The identifiers and keywords in code, with their offsets. Numbers are none.
pub(super) fn identifiers(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += code[at..].find(is_word)?;
            let rest = &code[at..];
            let length = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            let found = (at, &rest[..length]);
            at += length;
            if !rest.starts_with(|letter: char| letter.is_ascii_digit()) {
                return Some(found);
            }
        }
    })
}

pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The offset just past the bracket that closes the one at `open`; the end of the code if none does.
pub(super) fn past_closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The items under `#[cfg(test)]`: from the attribute to the end of the item's block, or to the semicolon of one without.
fn test_parts(code: &str) -> Vec<Range<usize>> {
    let attribute = "#[cfg(test)]";
    let end_of_item = |at: usize| {
        let item = at + attribute.len();
        let stop = code[item..].find(['{', ';']).map_or(code.len(), |offset| item + offset);
        if code[stop..].starts_with('{') { past_closing(code, stop) } else { stop }
    };
    code.match_indices(attribute).map(|(at, _)| at..end_of_item(at)).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Splits a text into its code and its comments, each with the rest blanked out.
fn split(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let (mut code, mut comments) = (String::with_capacity(text.len()), String::with_capacity(text.len()));
    let mut at = 0;
    while at < bytes.len() {
        let (kind, end) = piece(bytes, at);
        let piece = &text[at..end];
        push(&mut code, piece, kind == Kind::Code);
        push(&mut comments, piece, kind == Kind::Comment);
        at = end;
    }
    (code, comments)
}

fn push(to: &mut String, piece: &str, keep: bool) {
    if keep {
        to.push_str(piece);
    } else {
        to.extend(piece.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
    }
}

/// What begins here, and where it ends. A word is one piece, so that the `r` of `for` is not taken for a raw string's.
fn piece(bytes: &[u8], at: usize) -> (Kind, usize) {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => (Kind::Comment, at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => (Kind::Comment, at + block_comment(rest)),
        [b'"', ..] => (Kind::Literal, at + 1 + quoted(&rest[1..], b'"')),
        [b'\'', ..] => character_or_lifetime(rest, at),
        [byte, ..] if is_word_byte(*byte) => {
            let word = rest.iter().position(|byte| !is_word_byte(*byte)).unwrap_or(rest.len());
            match &rest[..word] {
                b"r" | b"br" | b"cr" => {
                    raw_string(&rest[word..]).map_or((Kind::Code, at + word), |end| (Kind::Literal, at + word + end))
                }
                _ => (Kind::Code, at + word),
            }
        }
        _ => (Kind::Code, at + 1),
    }
}

/// Bytes past ASCII belong to letters here, so that a piece never ends within a character.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Block comments nest.
fn block_comment(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The length of a literal's rest, its closing quote included.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `'a'` and `'\n'` are literals; the `'a` of a lifetime or a label is code.
fn character_or_lifetime(rest: &[u8], at: usize) -> (Kind, usize) {
    let letter = match rest.get(1) {
        Some(b'\\') => return (Kind::Literal, at + 1 + quoted(&rest[1..], b'\'')),
        Some(first) => 1 + rest[2..].iter().take_while(|byte| !first.is_ascii() && is_continuation(**byte)).count(),
        None => 0,
    };
    if rest.get(1 + letter) == Some(&b'\'') { (Kind::Literal, at + 2 + letter) } else { (Kind::Code, at + 1) }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// The length of `#"..."#` with any number of hashes; `None` if this is no raw string (but a raw identifier, say).
fn raw_string(bytes: &[u8]) -> Option<usize> {
    let hashes = bytes.iter().take_while(|byte| **byte == b'#').count();
    if bytes.get(hashes) != Some(&b'"') {
        return None;
    }
    let closing: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = hashes + 1;
    let end = bytes[body..].windows(closing.len()).position(|window| window == closing);
    Some(end.map_or(bytes.len(), |end| body + end + closing.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, comments: &str) {
        let source = Source::new("a.rs", text.to_owned());
        assert_eq!((source.code.as_str(), source.comments.trim()), (code, comments));
        assert_eq!((source.code.len(), source.comments.len()), (text.len(), text.len()));
    }

    #[test]
    fn comments_and_literals_leave_the_code() {
        check("a // b\nc", "a     \nc", "// b");
        check("a /* b /* c */ d */ e", "a                   e", "/* b /* c */ d */");
        check(r#"a("// \" b") c"#, "a(         ) c", "");
        check("f('{', '\\'', 'x')", "f(   ,     ,    )", "");
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}", "");
    }

    #[test]
    fn raw_strings_are_literals_and_raw_identifiers_are_code() {
        check("r#\"a \" b\"# + r\"\\\" + r#type", "           +      + r#type", "");
        check("for \"x\"", "for    ", "");
    }

    #[test]
    fn letters_past_ascii_keep_the_offsets() {
        check("'é' + é // é", "     + é      ", "// é");
    }

    #[test]
    fn test_items_are_known() {
        let source = Source::new("a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { {} }\n}\nfn c() {}\n".to_owned());
        let is_test = |word| source.is_test_at(source.places_of(word).next().unwrap());
        assert_eq!((is_test("a"), is_test("b"), is_test("c")), (false, true, false));
    }

    #[test]
    fn reasons_are_plain_comments_nearby() {
        let source = Source::new("a.rs", "// why\na\n/// docs\nb\nc // why\n\nd\n".to_owned());
        let has_reason = |word| source.has_reason(source.places_of(word).next().unwrap());
        assert_eq!(["a", "b", "c", "d"].map(has_reason), [true, false, true, false]);
    }

    #[test]
    fn identifiers_are_words_without_numbers() {
        let found: Vec<_> = identifiers("let x_1 = 0xff + r#type;").map(|(_, word)| word).collect();
        assert_eq!(found, ["let", "x_1", "r", "type"]);
    }
}
