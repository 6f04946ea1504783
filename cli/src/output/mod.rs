//! What people and scripts see: standard output and error, tables, amounts as text. Deliberately absent: what is shown.

mod show;
mod table;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

pub(crate) use show::{bytes, count, length, percent, seconds};
pub(crate) use table::{Cell, Column, Look, Table, Tone};

/// Writes this and a newline to standard output. A reader that went away (`meros status | head`) is no failure of ours.
pub(crate) fn say(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    settled(writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()))
}

/// Writes this and a newline to standard error. If even that fails there is nobody to tell.
pub(crate) fn note(text: impl AsRef<str>) {
    drop(writeln!(io::stderr().lock(), "{}", text.as_ref()));
}

/// Writes a value as JSON to standard output.
pub(crate) fn say_json(value: &impl Serialize) -> io::Result<()> {
    say(serde_json::to_string_pretty(value)?)
}

/// A broken pipe counts as written.
pub(crate) fn settled(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Whether standard error is a terminal, where a progress bar can be drawn.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
