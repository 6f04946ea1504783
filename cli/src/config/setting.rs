//! The settings of a daemon, read from the declaration of its flags. Deliberately absent: a list of them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::file::ConfigFile;
use super::form::Form;
use super::origin::Origin;
use crate::usage;

/// The flag that names the configuration file: in a file it would come too late.
const CONFIG: &str = "config";
/// The flag that only a daemon has, in the parsed command line.
const PRINT_CONFIG: &str = "print_config";
/// How many letters a mistyped name has for each one that is wrong in it; with more slips it means something else.
const LETTERS_PER_SLIP: usize = 3;

/// The commands with the flags that all have in common spread over each.
pub(super) fn built(command: &Command) -> Command {
    let mut built = command.clone();
    built.build();
    built
}

/// The settings of a built command: its flags that have a variable.
pub(super) fn settings(command: &Command) -> Vec<Setting<'_>> {
    let is_setting = |argument: &&Arg| argument.get_env().is_some() && argument.get_long().is_some_and(|long| long != CONFIG);
    command.get_arguments().filter(is_setting).map(|argument| Setting { argument }).collect()
}

/// A setting of a daemon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    argument: &'a Arg,
}

impl<'a> Setting<'a> {
    /// Its name in a file, which is its flag's without dashes.
    pub(super) fn key(&self) -> &'a str {
        self.argument.get_long().unwrap_or_default()
    }

    /// Its name in the parsed command line.
    pub(super) fn id(&self) -> &'a str {
        self.argument.get_id().as_str()
    }

    /// Its name in the environment.
    pub(super) fn variable(&self) -> String {
        self.argument.get_env().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// How a file may say it.
    pub(super) fn form(&self) -> Form {
        Form::of(self.argument)
    }

    /// What it means, without its default.
    #[cfg(test)]
    pub(super) fn meaning(&self) -> String {
        self.split_help().0.trim_end_matches('.').to_owned()
    }

    /// What its values look like.
    #[cfg(test)]
    pub(super) fn value_name(&self) -> String {
        let possible = self.argument.get_possible_values();
        let names: Vec<_> = possible.iter().map(|value| value.get_name()).collect();
        match self.argument.get_value_names() {
            Some([name]) if names.is_empty() || self.argument.is_hide_possible_values_set() => name.to_string(),
            _ => names.join("|"),
        }
    }

    /// Its default in words: what its help says about it, where the value itself depends on the machine.
    pub(super) fn default_text(&self) -> String {
        let values = self.argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
        self.split_help().1.unwrap_or_else(|| values.collect::<Vec<_>>().join(","))
    }

    fn split_help(&self) -> (String, Option<String>) {
        let help = self.argument.get_help().map(ToString::to_string).unwrap_or_default().replace('\n', " ");
        match help.split_once(" [default: ") {
            Some((meaning, rest)) => (meaning.to_owned(), Some(rest.trim_end_matches(']').to_owned())),
            None => (help, None),
        }
    }

    /// Whether its flag's own parser takes these.
    pub(super) fn check(&self, texts: &[String]) -> Result<(), String> {
        let alone = Command::new("meros").no_binary_name(true).disable_help_flag(true).arg(self.argument.clone().env(None::<&str>));
        let flags = texts.iter().map(|text| format!("--{}={text}", self.key()));
        alone.try_get_matches_from(flags).map(drop).map_err(|error| usage::complaint(&error))
    }
}

/// A daemon's command, as it was given.
pub(super) struct Daemon<'a> {
    /// `master` or `agent`.
    pub(super) name: &'a str,
    pub(super) settings: Vec<Setting<'a>>,
    given: &'a ArgMatches,
}

impl<'a> Daemon<'a> {
    /// The daemon that is to be run, if it is one: a command that can print its configuration.
    pub(super) fn of(root: &'a Command, matches: &'a ArgMatches) -> Option<Self> {
        let (name, given) = matches.subcommand()?;
        let command = root.find_subcommand(name)?;
        let prints = command.get_arguments().any(|argument| argument.get_id() == PRINT_CONFIG);
        prints.then(|| Self { name, settings: settings(command), given })
    }

    /// Whether the configuration is to be printed, and nothing else done.
    pub(super) fn is_to_print(&self) -> bool {
        self.given.get_flag(PRINT_CONFIG)
    }

    /// Whether `-v` was given.
    pub(super) fn is_verbose(&self) -> bool {
        self.given.get_count("verbose") > 0
    }

    /// The configuration file that was named, and by what.
    pub(super) fn config(&self) -> Option<(PathBuf, Origin)> {
        let path = self.given.get_one::<PathBuf>(CONFIG)?.clone();
        let by_flag = self.given.value_source(CONFIG) == Some(ValueSource::CommandLine);
        let origin = if by_flag { Origin::Flag("--config".to_owned()) } else { Origin::Environment("MEROS_CONFIG".to_owned()) };
        Some((path, origin))
    }

    /// The setting of this name.
    pub(super) fn setting(&self, key: &str) -> Option<Setting<'a>> {
        self.settings.iter().find(|setting| setting.key() == key).copied()
    }

    /// Whether a flag or a variable says it.
    pub(super) fn is_given(&self, key: &str) -> bool {
        matches!(self.origin(key, None), Origin::Flag(_) | Origin::Environment(_))
    }

    /// Where its value comes from.
    pub(super) fn origin(&self, key: &str, file: Option<&ConfigFile>) -> Origin {
        let Some(setting) = self.setting(key) else { return Origin::Default };
        match self.given.value_source(setting.id()) {
            Some(ValueSource::CommandLine) => Origin::Flag(format!("--{key}")),
            Some(ValueSource::EnvVariable) => Origin::Environment(setting.variable()),
            _ => file.and_then(|file| file.origin(key)).unwrap_or(Origin::Default),
        }
    }

    /// The setting whose name looks most like this, if any does.
    pub(super) fn nearest(&self, key: &str) -> Option<Setting<'a>> {
        let dashed = key.to_lowercase().replace('_', "-");
        if let Some(setting) = self.setting(&dashed) {
            return Some(setting);
        }
        let distances = self.settings.iter().map(|setting| (distance(&dashed, setting.key()), *setting));
        let (fewest, setting) = distances.min_by_key(|(distance, _)| *distance)?;
        (fewest <= dashed.chars().count() / LETTERS_PER_SLIP).then_some(setting)
    }

    /// Variables that look like a setting of this daemon and are none. No error: whoever runs containers puts variables such as
    /// `MEROS_MASTER_SERVICE_HOST` there, and means no setting by them.
    pub(super) fn suspicious_variables(&self, variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<String> {
        let prefix = format!("MEROS_{}_", self.name.to_uppercase());
        let warning = |name: String| {
            let rest = name.strip_prefix(&prefix)?;
            let known = self.settings.iter().any(|setting| setting.variable() == name);
            let meant = self.nearest(rest).filter(|_| !known)?;
            Some(format!("in the environment, {name}: there is no such setting; did you mean {}?", meant.variable()))
        };
        variables.filter_map(|(name, _)| warning(name.into_string().ok()?)).collect()
    }
}

/// How many letters have to be put in, taken out or changed to make the one text the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (from, to, slips) in
            [("", "", 0), ("", "abc", 3), ("offer", "offer", 0), ("ofer", "offer", 1), ("ab", "ba", 2), ("cat", "dog", 3)]
        {
            assert_eq!((distance(from, to), distance(to, from)), (slips, slips), "{from} {to}");
        }
    }
}
