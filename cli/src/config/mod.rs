//! One configuration of a daemon out of four layers: flags, `MEROS_*` variables, a file, defaults; the earlier goes first.
//!
//! Owned here: the order of the layers, where each value comes from, and `--print-config`. A setting is declared once, as a flag in
//! [`crate::args`]: what the file says becomes that flag's text and goes through that flag's parser, so the layers can't differ in
//! what they take. Deliberately absent: the settings themselves, and what the daemons make of them.

mod file;
mod form;
mod origin;
mod print;
mod setting;
#[cfg(test)]
mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::args::{Action, Cli};
use crate::error::Error;
use crate::{logging, output, usage};
use file::ConfigFile;
use form::Form;
use origin::{Effective, Origin};
use setting::{Daemon, Setting};

/// The flag that has a short form of its own, `-v`.
const LOG_LEVEL: &str = "log-level";

/// What the command line asks for.
pub(crate) enum Asked {
    /// To do this.
    Perform(Box<Cli>),
    /// To print this.
    Print(String),
}

/// Why the command line can't be followed.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Help or a version were asked for, or a flag or variable is wrong.
    Clap(clap::Error),
    /// Something else is wrong, and this line says what and where.
    Line(String),
}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}

/// Reads the command line, the variables, and for a daemon the configuration file.
pub(crate) fn read(arguments: &[OsString]) -> Result<Asked, Refusal> {
    let command = Cli::command();
    let given = command.clone().try_get_matches_from(arguments)?;
    let known = setting::built(&command);
    let Some(daemon) = Daemon::of(&known, &given) else { return Ok(Asked::Perform(Box::new(follow(&given)?))) };
    for warning in daemon.suspicious_variables(std::env::vars_os()) {
        output::note(format!("meros: {warning}"));
    }
    let file = ConfigFile::find(&daemon).map_err(Refusal::Line)?;
    let matches = command.try_get_matches_from(with_file(arguments, &daemon, file.as_ref()))?;
    let cli = follow(&matches)?;
    let effective = effective(&daemon, file.as_ref(), &matches, &cli);
    check_together(&cli.action, &effective).map_err(Refusal::Line)?;
    if daemon.is_to_print() {
        return print::toml(daemon.name, &effective).map(Asked::Print).map_err(Refusal::Line);
    }
    Ok(Asked::Perform(Box::new(cli)))
}

/// The work directory of a master that is started here with this configuration file and no flag.
pub(crate) fn master_work_dir(file: Option<&Path>) -> Result<PathBuf, Error> {
    let mut arguments: Vec<OsString> = vec!["meros".into(), "master".into()];
    arguments.extend(file.map(|file| [OsString::from("--config="), file.into()].into_iter().collect()));
    match read(&arguments) {
        Ok(Asked::Perform(cli)) => match cli.action {
            Action::Master(master) => Ok(master.work_dir),
            other => unreachable!("{other:?} is no master"),
        },
        Ok(Asked::Print(_)) => unreachable!("nothing is to be printed"),
        Err(Refusal::Clap(error)) => Err(Error::Usage(usage::line(&error, &Cli::command(), &arguments))),
        Err(Refusal::Line(line)) => Err(Error::Usage(line)),
    }
}

/// The command line with what only the file says behind it. A daemon's command takes flags alone, so what stands last is its.
fn with_file(arguments: &[OsString], daemon: &Daemon, file: Option<&ConfigFile>) -> Vec<OsString> {
    let is_said = |key: &str| daemon.is_given(key) || (key == LOG_LEVEL && daemon.is_verbose());
    let entries = file.into_iter().flat_map(|file| &file.entries).filter(|entry| !is_said(&entry.key));
    let flags = entries.flat_map(|entry| entry.texts.iter().map(|text| format!("--{}={text}", entry.key).into()));
    arguments.iter().cloned().chain(flags).collect()
}

/// The parsed command line. `-v` is a flag, so a level from a variable or a file gives way to it.
fn follow(matches: &ArgMatches) -> Result<Cli, clap::Error> {
    let mut cli = Cli::from_arg_matches(matches)?;
    let by_flag = matches.subcommand().and_then(|(_, inner)| inner.value_source("log_level")) == Some(ValueSource::CommandLine);
    if cli.verbose > 0 && !by_flag {
        cli.log_level = None;
    }
    Ok(cli)
}

/// Every setting with its value and where that comes from, in the order of the help.
fn effective<'a>(daemon: &Daemon<'a>, file: Option<&ConfigFile>, matches: &ArgMatches, cli: &Cli) -> Vec<Effective<'a>> {
    let flags = matches.subcommand().map_or(matches, |(_, inner)| inner);
    let of = |setting: &Setting<'a>| {
        if setting.key() == LOG_LEVEL && cli.log_level.is_none() {
            let origin = if cli.verbose > 0 { Origin::Flag("-v".to_owned()) } else { Origin::Default };
            return Effective { setting: *setting, values: vec![logging::usual(cli.verbose, true).into()], origin };
        }
        let values = match setting.form() {
            // There are several words for yes; the parsed value knows them all.
            Form::Switch => flags.get_one::<bool>(setting.id()).map(|on| on.to_string().into()).into_iter().collect(),
            _ => flags.get_raw(setting.id()).into_iter().flatten().map(OsString::from).collect(),
        };
        Effective { setting: *setting, values, origin: daemon.origin(setting.key(), file) }
    };
    daemon.settings.iter().map(of).collect()
}

/// What no single value can be wrong about.
fn check_together(action: &Action, effective: &[Effective]) -> Result<(), String> {
    let Action::Master(master) = action else { return Ok(()) };
    if master.unreachable_after > master.heartbeat {
        return Ok(());
    }
    let named = |key: &str| effective.iter().find(|one| one.setting.key() == key).map(Effective::described).unwrap_or_default();
    Err(format!("{} must be longer than {}", named("unreachable-after"), named("heartbeat").trim_end_matches(',')))
}
