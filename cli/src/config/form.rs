//! From TOML to the text that a flag would be given. Owned here: which TOML types a setting may have. Deliberately absent: what the
//! text means, which is the flag's parser's.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction};
use meros_types::{Attributes, Resources, Role};
use toml::de::{DeTable, DeValue};

/// How a file says a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `true` or `false`.
    Switch,
    /// Text of any kind, such as a path: a number there is a slip.
    Words,
    /// Text with a meaning, or a bare number.
    Text,
    /// `name:value` pairs parted by semicolons, or a table of them.
    Pairs,
    /// `ROLE=WEIGHT`, several of them, or a table of weights by role.
    Weights,
    /// Text, or several of them.
    List,
}

impl Form {
    pub(super) fn of(argument: &Arg) -> Self {
        let value = argument.get_value_parser().type_id();
        let is = |types: &[TypeId]| types.iter().any(|one| value == *one);
        if is(&[TypeId::of::<bool>()]) {
            Self::Switch
        } else if is(&[TypeId::of::<(Role, u32)>()]) {
            Self::Weights
        } else if matches!(argument.get_action(), ArgAction::Append) {
            Self::List
        } else if is(&[TypeId::of::<String>(), TypeId::of::<PathBuf>(), TypeId::of::<OsString>()]) {
            Self::Words
        } else if is(&[TypeId::of::<Resources>(), TypeId::of::<Attributes>()]) {
            Self::Pairs
        } else {
            Self::Text
        }
    }

    /// The texts that the flag would be given, one for each time.
    pub(super) fn texts(self, value: &DeValue) -> Result<Vec<String>, String> {
        let one = |text: String| Ok(vec![text]);
        match (self, value) {
            (Form::Switch, DeValue::Boolean(on)) => one(on.to_string()),
            (Form::Switch, _) => Err(format!("{} where true or false is wanted, without quotes", a(value))),
            (_, DeValue::String(text)) => one(text.to_string()),
            (Form::Text, value) => number(value).map_or_else(|| Err(format!("{} where text in quotes is wanted", a(value))), one),
            (Form::Words, value) => Err(format!("{} where text in quotes is wanted", a(value))),
            (Form::Pairs, DeValue::Table(table)) => pairs(table).and_then(one),
            (Form::Pairs, value) => {
                Err(format!("{} where a table such as {{ name = \"value\" }} or text in quotes is wanted", a(value)))
            }
            (Form::Weights, DeValue::Table(table)) => {
                table.iter().map(|(role, weight)| weighed(role.get_ref(), weight.get_ref())).collect()
            }
            (Form::Weights | Form::List, DeValue::Array(array)) => array.iter().map(|item| text(item.get_ref())).collect(),
            (Form::List, value) => Err(format!("{} where text in quotes, or an array of it, is wanted", a(value))),
            (Form::Weights, value) => Err(format!("{} where a table such as {{ batch = 3 }} is wanted", a(value))),
        }
    }
}

/// The value's type with its article.
fn a(value: &DeValue) -> String {
    let name = value.type_str();
    let article = if name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("it is {article} {name}")
}

/// A number in decimal digits.
fn number(value: &DeValue) -> Option<String> {
    match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|number| number.to_string()),
        DeValue::Float(float) => Some(float.as_str().to_owned()),
        _ => None,
    }
}

/// Text, or a number as text.
fn text(value: &DeValue) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        value => number(value).ok_or_else(|| format!("{} where text in quotes is wanted", a(value))),
    }
}

fn weighed(role: &str, weight: &DeValue) -> Result<String, String> {
    let weight = number(weight).ok_or_else(|| format!("`{role}`: {} where a whole number is wanted", a(weight)))?;
    Ok(format!("{role}={weight}"))
}

/// `name:value` pairs. What would end a pair can't be within one, or the text would say something else than the table.
fn pairs(table: &DeTable) -> Result<String, String> {
    let pair = |name: &str, value: &DeValue| {
        let value = match value {
            DeValue::Array(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| text(item.get_ref())).collect();
                items.map(|items| format!("[{}]", items.join(",")))
            }
            value => text(value),
        };
        let value = value.map_err(|reason| format!("`{name}`: {reason}"))?;
        if name.contains([':', ';']) || value.contains(';') {
            return Err(format!("`{name}`: a name can't have a : or ; in it, nor a value a ;"));
        }
        Ok(format!("{name}:{value}"))
    };
    let all: Result<Vec<_>, _> = table.iter().map(|(name, value)| pair(name.get_ref(), value.get_ref())).collect();
    all.map(|all| all.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(form: Form, value: &str) -> Result<Vec<String>, String> {
        form.texts(DeValue::parse(value).unwrap().get_ref())
    }

    #[test]
    fn what_toml_says_naturally_becomes_what_a_flag_would_be_given() {
        let of = |form, value, wanted: &[&str]| {
            assert_eq!(texts(form, value), Ok(wanted.iter().map(|text| (*text).to_owned()).collect()), "{value}");
        };
        of(Form::Switch, "true", &["true"]);
        of(Form::Words, "\"/a b\"", &["/a b"]);
        of(Form::Text, "\"5s\"", &["5s"]);
        of(Form::Text, "0x10", &["16"]);
        of(Form::Text, "1_000", &["1000"]);
        of(Form::Text, "0.5", &["0.5"]);
        of(Form::Pairs, "\"cpus:1\"", &["cpus:1"]);
        of(Form::Pairs, "{ cpus = 1.5, mem = \"8GiB\", ports = [\"1-9\", 12] }", &["cpus:1.5;mem:8GiB;ports:[1-9,12]"]);
        of(Form::Weights, "{ a = 1, \"b/c\" = 3 }", &["a=1", "b/c=3"]);
        of(Form::Weights, "[\"a=1\"]", &["a=1"]);
        of(Form::List, "\"cpus:1|mem:1GiB\"", &["cpus:1|mem:1GiB"]);
        of(Form::List, "[\"cpus:1\", \"mem:1GiB\"]", &["cpus:1", "mem:1GiB"]);
    }

    #[test]
    fn other_types_are_refused_by_name() {
        let of = |form, value, words: &str| {
            let said = texts(form, value).expect_err(value);
            assert!(said.contains(words), "{value}: {said}");
        };
        of(Form::Switch, "\"true\"", "a string");
        of(Form::Switch, "1", "an integer");
        of(Form::Words, "5", "an integer");
        of(Form::Text, "true", "a boolean");
        of(Form::Text, "[1]", "an array");
        of(Form::Text, "1979-05-27", "a datetime");
        of(Form::Pairs, "[]", "an array");
        of(Form::Pairs, "{ a = { b = 1 } }", "`a`: it is a table");
        of(Form::Pairs, "{ a = \"1;b:2\" }", "`a`");
        of(Form::Pairs, "{ \"a:b\" = \"1\" }", "`a:b`");
        of(Form::Weights, "{ a = \"x\" }", "`a`: it is a string");
        of(Form::Weights, "3", "an integer");
        of(Form::List, "3", "an integer");
        of(Form::List, "[[]]", "an array");
    }
}
