//! `--print-config`: the effective configuration as a file that `--config` takes. There are no secrets in it, since no setting is
//! one: the token is named by its file.

use std::ffi::OsStr;

use toml::Value;

use super::form::Form;
use super::origin::{Effective, Origin};

/// The file's text, without the last newline.
pub(super) fn toml(daemon: &str, effective: &[Effective]) -> Result<String, String> {
    let mut lines = vec![format!("# The configuration of `meros {daemon}`, as --print-config told it.")];
    for one in effective {
        lines.push(line(one)?);
    }
    Ok(lines.join("\n"))
}

fn line(one: &Effective) -> Result<String, String> {
    let key = one.setting.key();
    match value(one)? {
        Some(value) => Ok(format!("{key} = {value}  # {}", one.origin)),
        None if one.origin == Origin::Default => Ok(format!("# {key} is not set; default: {}", one.setting.default_text())),
        None => Ok(format!("# {key} is not set; {}", one.origin)),
    }
}

/// The value in TOML; none when it is not set.
fn value(one: &Effective) -> Result<Option<Value>, String> {
    let refused = |value: &OsStr| format!("{}: {value:?} is not UTF-8, so no TOML file can say it", one.origin);
    let texts = one.values.iter().map(|value| value.to_str().map(str::to_owned).ok_or_else(|| refused(value)));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    Ok(match (one.setting.form(), texts.as_slice()) {
        (_, []) => None,
        (Form::Switch, [text]) => Some(Value::Boolean(text == "true")),
        (Form::Text, [text]) => Some(text.parse().map_or_else(|_| Value::String(text.clone()), Value::Integer)),
        (Form::Weights | Form::List, texts) => Some(Value::Array(texts.iter().cloned().map(Value::String).collect())),
        (_, texts) => Some(Value::String(texts.join(";"))),
    })
}
