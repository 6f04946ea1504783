//! Files and functions stay short: past these a room wants a second door.

use super::Offence;
use super::source::{Source, identifiers, past_closing};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// No file is too long, tests included.
pub(super) fn file(source: &Source) -> Vec<Offence> {
    let lines = source.text.lines().count();
    let is_long = lines > FILE_LINES_MAX;
    is_long.then(|| source.offence(0, format!("{lines} lines, and a file has at most {FILE_LINES_MAX}"))).into_iter().collect()
}

/// No function is too long, from the line of its `fn` to the line of its closing brace.
pub(super) fn functions(source: &Source) -> Vec<Offence> {
    let mut offences = Vec::new();
    for at in source.places_of("fn") {
        let Some((name, end)) = function(&source.code, at) else { continue };
        let lines = source.line(end) - source.line(at) + 1;
        if lines > FUNCTION_LINES_MAX {
            offences.push(source.offence(at, format!("{name} has {lines} lines, and a function has at most {FUNCTION_LINES_MAX}")));
        }
    }
    offences
}

/// The name of the function whose `fn` stands here, and the offset of its closing brace. `None` without a body, and for the type of
/// a function pointer, which has no name.
fn function(code: &str, at: usize) -> Option<(&str, usize)> {
    let (offset, name) = identifiers(&code[at..]).nth(1)?;
    if !code[at + 2..at + offset].trim().is_empty() {
        return None;
    }
    // The semicolon of an array's length, as in `[u8; 4]`, is within brackets and ends no declaration.
    let mut next = at + offset + name.len();
    loop {
        next += code[next..].find(['{', ';', '(', '['])?;
        match code.as_bytes()[next] {
            b'{' => return Some((name, past_closing(code, next) - 1)),
            b';' => return None,
            _ => next = past_closing(code, next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: String) -> Source {
        Source::new("a.rs", text)
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(file(&of("\n".repeat(400))), []);
        assert_eq!(file(&of("\n".repeat(401))).len(), 1);
    }

    #[test]
    fn long_functions_are_found() {
        let long = |body: usize| of(format!("//! d\nfn long(x: [u8; 4]) -> u8 {{\n{}}}\n", "    // {\n".repeat(body)));
        assert_eq!(functions(&long(68)), []);
        let found = functions(&long(69));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].message.as_str()), (2, "long has 71 lines, and a function has at most 70"));
    }

    #[test]
    fn what_has_no_body_has_no_length() {
        let far = "\n".repeat(80);
        assert_eq!(functions(&of(format!("trait T {{ fn a(&self); fn b(f: fn(u8) -> u8) -> u8; {far} }}"))), []);
    }
}
