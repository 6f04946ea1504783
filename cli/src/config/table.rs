//! The tables in `docs/configuration.md`, made from the declarations of the flags and held against what the file shows.

use clap::CommandFactory;

use super::setting::{Setting, built, settings};
use crate::args::Cli;

const SHOWN: &str = include_str!("../../../docs/configuration.md");

/// The rows for one daemon, in the order of its help.
fn rows(daemon: &str) -> String {
    let command = built(&Cli::command());
    let head = "| flag | variable | key | default | meaning |\n|---|---|---|---|---|\n".to_owned();
    let daemon = command.find_subcommand(daemon).unwrap();
    settings(daemon).iter().map(row).fold(head, |table, row| table + &row)
}

fn row(setting: &Setting) -> String {
    let (key, value) = (setting.key(), setting.value_name().replace('|', "\\|"));
    let (default, meaning) = (setting.default_text(), setting.meaning().replace('|', "\\|"));
    format!("| `--{key} {value}` | `{}` | `{key}` | {default} | {meaning} |\n", setting.variable())
}

#[test]
fn the_page_shows_every_setting_as_it_is() {
    for daemon in ["master", "agent"] {
        let wanted = rows(daemon);
        assert!(SHOWN.contains(&wanted), "docs/configuration.md does not show this table of the {daemon}:\n{wanted}");
    }
}
