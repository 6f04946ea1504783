//! A bad flag or variable becomes one clear line. Owned here: the reduction of clap's several lines to that one, which begins with
//! where the value came from. Deliberately absent: the flags themselves, and files ([`crate::config`]).

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

/// The line for a usage error, without the program's name.
pub(crate) fn line(error: &Error, command: &Command, arguments: &[OsString]) -> String {
    let help = help_of(command, arguments);
    match error.kind() {
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            format!("a command is missing: `{help}` lists them")
        }
        ErrorKind::InvalidUtf8 => format!("{}: it is not UTF-8 text (see `{help}`)", not_text(command, arguments)),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("{} (see `{help}`)", with_origin(error, command, arguments))
        }
        _ => format!("{} (see `{help}`)", said(error)),
    }
}

/// What is wrong with a value, without its flag's name: whoever says this says first where the value came from.
pub(crate) fn complaint(error: &Error) -> String {
    let said = said(error);
    let is_missing = matches!(error.get(ContextKind::InvalidValue), Some(ContextValue::String(value)) if value.is_empty());
    match flag(error) {
        Some(_) if is_missing => "it is empty, and a value is wanted".to_owned(),
        Some(flag) => said.replace(&format!(" for '{flag}'"), ""),
        None => said,
    }
}

/// The flag that an error is about, as clap writes it, with the name of its value.
fn flag(error: &Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if flag.starts_with("--") => Some(flag),
        _ => None,
    }
}

/// What clap says, up to the usage, on one line.
fn said(error: &Error) -> String {
    let rendered = error.render().to_string();
    let body = rendered.split("\nUsage:").next().unwrap_or_default();
    let lines = body.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    let whole = lines.collect::<Vec<_>>().join(" ").replace(" tip: ", "; ");
    whole.strip_prefix("error: ").unwrap_or(&whole).to_owned()
}

/// The same, beginning with the flag, or with the variable when nobody gave the flag.
fn with_origin(error: &Error, command: &Command, arguments: &[OsString]) -> String {
    let long = flag(error).and_then(|flag| flag.strip_prefix("--")?.split([' ', '=', '[']).next());
    let Some(long) = long else { return said(error) };
    let variable = flags_with_variables(command, arguments).into_iter().find(|(flag, _)| flag.get_long() == Some(long));
    match variable {
        Some((_, variable)) if !is_given(long, arguments) && std::env::var_os(variable).is_some() => {
            format!("in the environment, {}: {}", variable.to_string_lossy(), complaint(error))
        }
        _ => format!("flag --{long}: {}", complaint(error)),
    }
}

/// Where text was wanted and something else was given: clap doesn't say.
fn not_text(command: &Command, arguments: &[OsString]) -> String {
    if let Some(at) = arguments.iter().position(|argument| argument.to_str().is_none()) {
        let long = |text: &OsStr| text.to_string_lossy().split('=').next().filter(|flag| flag.starts_with("--")).map(str::to_owned);
        let flag = long(&arguments[at]).or_else(|| long(at.checked_sub(1).and_then(|before| arguments.get(before))?));
        return flag.map_or_else(|| format!("argument {at}"), |flag| format!("flag {flag}"));
    }
    let is_path = |argument: &Arg| argument.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let is_text = |name: &OsStr| std::env::var_os(name).is_none_or(|value| value.to_str().is_some());
    let mut variables = flags_with_variables(command, arguments).into_iter();
    let found = variables.find(|(argument, name)| !is_path(argument) && !is_text(name));
    found.map_or_else(|| "an argument".to_owned(), |(_, name)| format!("in the environment, {}", name.to_string_lossy()))
}

/// Whether this flag stands on the command line.
fn is_given(long: &str, arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|argument| *argument != "--").any(|argument| {
        let argument = argument.to_string_lossy();
        argument.strip_prefix("--").is_some_and(|rest| rest == long || rest.starts_with(&format!("{long}=")))
    })
}

/// The flags of the commands that the arguments lead to, innermost first, which have a variable.
fn flags_with_variables<'a>(command: &'a Command, arguments: &[OsString]) -> Vec<(&'a Arg, &'a OsStr)> {
    let levels = chain(command, arguments).into_iter().rev();
    levels.flat_map(Command::get_arguments).filter_map(|argument| Some((argument, argument.get_env()?))).collect()
}

/// The command and the subcommands that the arguments lead to, outermost first.
fn chain<'a>(command: &'a Command, arguments: &[OsString]) -> Vec<&'a Command> {
    let mut chain = vec![command];
    for argument in arguments.iter().skip(1).take_while(|argument| *argument != "--") {
        let inner = chain.last().and_then(|level| level.find_subcommand(argument));
        chain.extend(inner);
    }
    chain
}

fn help_of(command: &Command, arguments: &[OsString]) -> String {
    let names: Vec<&str> = chain(command, arguments).into_iter().map(Command::get_name).collect();
    format!("{} --help", names.join(" "))
}
