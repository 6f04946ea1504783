//! `meros quota`: what roles may have at the most, and what is kept back for them. Owned here: the file that says it of several.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use meros_types::{Bounds, Resources, Role, RoleUpdate, RolesUpdate};
use serde::Deserialize;

use crate::admin::Admin;
use crate::args::{QuotaAction, QuotaArgs, QuotaClearArgs, QuotaSetArgs};
use crate::error::Error;
use crate::output;

/// How large a file of quotas may be, in bytes: every role that may have settings, at a hundred bytes each.
const FILE_BYTES_MAX: u64 = 2 << 20;
/// What a file says to lift a limit or a guarantee.
const LIFTED: &str = "none";

/// `meros quota`.
pub(crate) async fn quota(arguments: QuotaArgs) -> Result<(), Error> {
    match arguments.action {
        QuotaAction::Set(arguments) => set(arguments).await,
        QuotaAction::Clear(arguments) => clear(arguments).await,
    }
}

async fn set(arguments: QuotaSetArgs) -> Result<(), Error> {
    let roles = match (&arguments.file, &arguments.role) {
        (Some(file), _) => read(file)?,
        (None, Some(role)) => vec![of_flags(role, &arguments)?],
        (None, None) => unreachable!("a role is required unless there is a file"),
    };
    let said: Vec<String> = roles.iter().map(described).collect();
    let update = RolesUpdate { roles, force: arguments.force };
    Admin::new(&arguments.connection)?.update_roles(update, arguments.patience.wait).await?;
    Ok(output::say(said.join("\n"))?)
}

async fn clear(arguments: QuotaClearArgs) -> Result<(), Error> {
    let none = |role: &Role| RoleUpdate {
        role: role.clone(),
        weight: None,
        limit: Some(Bounds::none()),
        guarantee: Some(Resources::none()),
    };
    let mut roles: Vec<_> = arguments.roles.iter().map(none).collect();
    // One that is named twice is cleared once.
    roles.sort_by(|a, b| a.role.cmp(&b.role));
    roles.dedup();
    let said: Vec<String> = roles.iter().map(described).collect();
    let update = RolesUpdate { roles, force: false };
    Admin::new(&arguments.connection)?.update_roles(update, arguments.patience.wait).await?;
    Ok(output::say(said.join("\n"))?)
}

fn of_flags(role: &Role, arguments: &QuotaSetArgs) -> Result<RoleUpdate, Error> {
    let limit = if arguments.no_limit { Some(Bounds::none()) } else { arguments.limit.clone() };
    let guarantee = if arguments.no_guarantee { Some(Resources::none()) } else { arguments.guarantee.clone() };
    if limit.is_none() && guarantee.is_none() {
        let missing = "say what to set: --limit, --no-limit, --guarantee or --no-guarantee (see `meros quota set --help`)";
        return Err(Error::Usage(missing.to_owned()));
    }
    Ok(RoleUpdate { role: role.clone(), weight: None, limit, guarantee })
}

/// What was set, for whoever set it.
fn described(update: &RoleUpdate) -> String {
    let limit = update.limit.as_ref().map(|limit| match limit.is_none() {
        true => "no limit".to_owned(),
        false => format!("limit {limit}"),
    });
    let guarantee = update.guarantee.as_ref().map(|guarantee| match guarantee.is_none() {
        true => "no guarantee".to_owned(),
        false => format!("guarantee {guarantee}"),
    });
    let weight = update.weight.map(|weight| format!("weight {weight}"));
    let parts: Vec<String> = [limit, guarantee, weight].into_iter().flatten().collect();
    format!("{}: {}", update.role, parts.join(", "))
}

/// A file of quotas.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaFile {
    #[serde(default)]
    role: Vec<QuotaEntry>,
}

/// A role in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaEntry {
    name: Role,
    weight: Option<u32>,
    #[serde(default, deserialize_with = "amounts")]
    limit: Option<Bounds>,
    #[serde(default, deserialize_with = "amounts")]
    guarantee: Option<Resources>,
}

/// Amounts as text or as a table.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amounts {
    Text(String),
    Table(BTreeMap<String, Amount>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Whole(u64),
    Decimal(f64),
    Text(String),
}

/// Reads text such as `cpus:4;mem:8GiB`, a table of the same, or the word that lifts it.
fn amounts<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr<Err = meros_types::ResourcesError> + Default,
{
    use serde::de::Error as _;
    const HINT: &str = "write \"cpus:4;mem:8GiB\", a table such as { cpus = 4, mem = \"8GiB\" }, or \"none\"";
    let text = match Amounts::deserialize(deserializer).map_err(|_| D::Error::custom(HINT))? {
        Amounts::Text(text) if text == LIFTED => return Ok(Some(T::default())),
        Amounts::Text(text) if text.trim().is_empty() => return Err(D::Error::custom(HINT)),
        Amounts::Text(text) => text,
        Amounts::Table(table) => {
            table.into_iter().map(|(name, amount)| format!("{name}:{}", amount.text())).collect::<Vec<_>>().join(";")
        }
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

impl Amount {
    fn text(self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Decimal(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// Reads a file of quotas; `-` is standard input.
fn read(path: &Path) -> Result<Vec<RoleUpdate>, Error> {
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_string(&mut text),
        false => std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)),
    };
    let name = if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
    let bytes = read.map_err(|error| Error::Usage(format!("can't read {name}: {error}")))? as u64;
    if bytes > FILE_BYTES_MAX {
        return Err(Error::Usage(format!("{name} is larger than 2 MiB, so it is no file of quotas")));
    }
    parse(&text).map_err(|reason| Error::Usage(format!("in {name}{reason}")))
}

/// The roles in the text, or where it is wrong and why.
fn parse(text: &str) -> Result<Vec<RoleUpdate>, String> {
    let file: QuotaFile = toml::from_str(text).map_err(|error| {
        let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        let place = error.span().map_or_else(String::new, |span| format!(" line {}", line(span.start)));
        format!("{place}: {}", error.message().lines().collect::<Vec<_>>().join("; "))
    })?;
    if file.role.is_empty() {
        return Err(": there is no [[role]] in it (see `meros quota set --help`)".to_owned());
    }
    let update = |entry: QuotaEntry| match entry {
        QuotaEntry { name, weight: None, limit: None, guarantee: None } => {
            Err(format!(", role {name}: say what to set: limit, guarantee or weight"))
        }
        QuotaEntry { name, weight, limit, guarantee } => Ok(RoleUpdate { role: name, weight, limit, guarantee }),
    };
    file.role.into_iter().map(update).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_it_of_several_roles() {
        let text = "[[role]]\nname = \"eng\"\nlimit = \"cpus:8;mem:32GiB\"\n[[role]]\nname = \"eng/backend\"\nlimit = \"none\"\n\
                    guarantee = { cpus = 1.5, mem = \"1GiB\" }\nweight = 2\n";
        let said: Vec<String> = parse(text).unwrap().iter().map(described).collect();
        let backend = "eng/backend: no limit, guarantee cpus:1.5;mem:1GiB, weight 2";
        assert_eq!(said, ["eng: limit cpus:8;mem:32GiB", backend]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, words) in [
            ("", ["no [[role]]", "--help"]),
            ("[[role]]\nname = \"a//b\"\nlimit = \"none\"", [" line 2: ", "a//b"]),
            ("[[role]]\nname = \"a\"\n\nlimit = \"mem:8\"", [" line 4: ", "8GiB"]),
            ("[[role]]\nname = \"a\"\nlimit = \"ports:[1-2]\"", [" line 3: ", "ports can't be limited"]),
            ("[[role]]\nname = \"a\"\nlimit = \"\"", [" line 3: ", "\"none\""]),
            ("[[role]]\nname = \"a\"\nguarantee = 4", [" line 3: ", "a table"]),
            ("[[role]]\nname = \"a\"\nlimits = 4", [" line 3: ", "`limits`"]),
            ("[[role]]\nname = \"a\"", ["role a", "limit, guarantee or weight"]),
            ("[[role]]\nlimit = \"none\"", [" line 1: ", "`name`"]),
            ("role", [" line 1: ", "="]),
        ] {
            let said = parse(text).unwrap_err();
            assert!(words.iter().all(|word| said.contains(word)) && said.lines().count() == 1, "{text:?}: {said}");
        }
    }
}
