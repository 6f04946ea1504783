//! A bad flag or variable becomes one clear line. Owned here: the reduction of clap's several lines to that one, which names the
//! variable when the value came from there. Deliberately absent: the flags themselves.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// The line for a usage error, without the program's name.
pub(crate) fn line(error: &Error, command: &Command, arguments: &[OsString]) -> String {
    let said = said(error);
    let help = help_of(command, arguments);
    match error.kind() {
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            format!("a command is missing: `{help}` lists them")
        }
        _ => format!("{} (see `{help}`)", from_variable(said, error, command, arguments)),
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

/// The same with the variable in the flag's place, when nobody gave the flag.
fn from_variable(said: String, error: &Error, command: &Command, arguments: &[OsString]) -> String {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return said };
    let Some(long) = flag.strip_prefix("--").and_then(|rest| rest.split([' ', '=']).next()) else { return said };
    let given = arguments.iter().take_while(|argument| *argument != "--").any(|argument| {
        let argument = argument.to_string_lossy();
        argument.strip_prefix("--").is_some_and(|rest| rest == long || rest.starts_with(&format!("{long}=")))
    });
    let variable = chain(command, arguments).into_iter().rev().find_map(|level| {
        let argument = level.get_arguments().find(|argument| argument.get_long() == Some(long))?;
        argument.get_env().map(|name| name.to_string_lossy().into_owned())
    });
    match variable {
        Some(variable) if !given && std::env::var_os(&variable).is_some() => {
            said.replace(&format!("'{flag}'"), &format!("the variable {variable}"))
        }
        _ => said,
    }
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
