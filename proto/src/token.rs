//! The token that every connection carries: how it travels, how it is compared, and where a client finds the one of a master.
//!
//! A master at `host:port` leaves its token in `~/.meros/<host>_<port>/token` for the same user's programs; [`discover`] looks
//! there, after what it was told explicitly. All spellings of loopback are one host. Deliberately absent: making tokens and
//! writing these files, which is the master's.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The metadata key, and HTTP header, that carries the token.
pub const TOKEN_KEY: &str = "authorization";
/// The variable that names a token file.
pub const TOKEN_FILE_VARIABLE: &str = "MEROS_TOKEN_FILE";
/// The port of a master whose address names none.
pub const MASTER_PORT_DEFAULT: u16 = 5050;
/// The longest token that is read, in bytes: more is some other file.
pub const TOKEN_BYTES_MAX: usize = 1_024;

const SCHEME: &str = "Bearer ";
const LOOPBACK: &str = "127.0.0.1";

/// What stands under [`TOKEN_KEY`] for this token.
pub fn authorization(token: &str) -> String {
    format!("{SCHEME}{token}")
}

/// The token in what stands under [`TOKEN_KEY`]; none when that is something else.
pub fn bearer(authorization: &str) -> Option<&str> {
    authorization.strip_prefix(SCHEME).map(str::trim).filter(|token| !token.is_empty())
}

/// A secret shared by a master and all who speak to it. Its `Debug` form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// A token file can't be read.
    #[error("can't read the token file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no token file.
    #[error("{} holds no token: a token is one line of 1 to 1024 visible ASCII characters", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// None of the places where a token may be has one.
    #[error(
        "no token for the master at {master}: there is no --token-file, no MEROS_TOKEN_FILE and no {}. The master keeps its \
         token in <work-dir>/token",
        home_file.as_deref().unwrap_or(Path::new("~/.meros (HOME is not set)")).display()
    )]
    Absent {
        /// The master's address, as it was given.
        master: String,
        /// Where it would be below the home directory; none without one.
        home_file: Option<PathBuf>,
    },
}

impl Token {
    /// Takes 1 to [`TOKEN_BYTES_MAX`] visible ASCII characters, spaces around them aside; none when it is something else.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let good = !text.is_empty() && text.len() <= TOKEN_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| Self(text.into()))
    }

    /// Reads a token file.
    ///
    /// # Errors
    /// When it can't be read or holds no token.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read(path).map_err(|source| TokenError::Unreadable { path: path.to_owned(), source })?;
        let token = std::str::from_utf8(&text).ok().and_then(Self::new);
        token.ok_or_else(|| TokenError::Malformed { path: path.to_owned() })
    }

    /// The secret itself, to be stored or sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What stands under [`TOKEN_KEY`] for it.
    pub fn authorization(&self) -> String {
        authorization(&self.0)
    }

    /// Whether what stands under [`TOKEN_KEY`] carries this token. Takes as long for a nearly right one as for a wrong one.
    pub fn admits(&self, authorization: &str) -> bool {
        bearer(authorization).is_some_and(|given| same(given.as_bytes(), self.0.as_bytes()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Compares without stopping at the first difference, so that the time taken says nothing about where that is.
fn same(left: &[u8], right: &[u8]) -> bool {
    let differing = left.iter().zip(right).fold(0, |all, (left, right)| std::hint::black_box(all | (left ^ right)));
    left.len() == right.len() && differing == 0
}

/// Finds the token of the master at `master` (as `host:port`, a bare host or a URL): in the `explicit` file when one is given,
/// else in the one that `MEROS_TOKEN_FILE` names, else in `~/.meros/<host>_<port>/token`.
///
/// # Errors
/// When the first of these that is given can't be read, or there is none.
pub fn discover(master: &str, explicit: Option<&Path>) -> Result<Token, TokenError> {
    let variable = std::env::var_os(TOKEN_FILE_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    discover_in(master, explicit.or(variable.as_deref()), home().as_deref())
}

/// [`discover`] without the environment: `file` goes first, then what is below `home`.
///
/// # Errors
/// As [`discover`].
pub fn discover_in(master: &str, file: Option<&Path>, home: Option<&Path>) -> Result<Token, TokenError> {
    if let Some(file) = file {
        return Token::read(file);
    }
    let home_file = home.map(|home| home_file(home, master));
    match home_file {
        Some(file) if file.exists() => Token::read(&file),
        home_file => Err(TokenError::Absent { master: master.to_owned(), home_file }),
    }
}

/// The user's home directory, when the environment names one.
pub fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Where below `home` the token of the master at `master` is.
pub fn home_file(home: &Path, master: &str) -> PathBuf {
    let (host, port) = host_and_port(master);
    let host = match host.parse::<IpAddr>() {
        // Whoever listens on every address is reached by this user over loopback.
        Ok(address) if address.is_loopback() || address.is_unspecified() => LOOPBACK.to_owned(),
        Err(_) if host == "localhost" => LOOPBACK.to_owned(),
        _ => host,
    };
    home.join(".meros").join(format!("{host}_{port}")).join("token")
}

/// Splits a master's address: `host:port`, `[v6]:port`, a host alone, or either in a URL. The host is lower-case and without
/// brackets; the port is [`MASTER_PORT_DEFAULT`] when none is named.
pub fn host_and_port(master: &str) -> (String, u16) {
    let master = master.trim();
    let rest = master.split_once("://").map_or(master, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or(rest);
    // A bare v6 address has colons and no port.
    let named = rest.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    let (host, port) = match named.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some(both) => both,
        None => (rest, MASTER_PORT_DEFAULT),
    };
    (host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token {
        Token::new(text).unwrap()
    }

    #[test]
    fn a_token_is_one_visible_word_and_hides_itself() {
        assert_eq!(token(" secret\n").reveal(), "secret");
        assert_eq!(format!("{:?}", token("secret")), "Token(..)");
        for bad in ["", " \n", "two words", "s\u{e9}cret", &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            assert_eq!(Token::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_the_whole_token_is_admitted() {
        let token = token("secret");
        assert!(token.admits("Bearer secret"));
        assert!(token.admits(&token.authorization()));
        for bad in ["", "secret", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Bearer Secret", "Basic secret"] {
            assert!(!token.admits(bad), "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_split() {
        for (text, host, port) in [
            ("127.0.0.1:5050", "127.0.0.1", 5050),
            ("master.example", "master.example", 5050),
            ("Master.Example:7", "master.example", 7),
            ("http://localhost:81/", "localhost", 81),
            ("[::1]:82", "::1", 82),
            ("::1", "::1", 5050),
            ("[fe80::1]", "fe80::1", 5050),
        ] {
            assert_eq!(host_and_port(text), (host.to_owned(), port), "{text}");
        }
    }

    #[test]
    fn loopback_is_one_place_however_it_is_spelled() {
        let home = Path::new("/h");
        for master in ["127.0.0.1", "localhost:5050", "[::1]:5050", "127.0.0.9:5050", "0.0.0.0:5050", "http://localhost"] {
            assert_eq!(home_file(home, master), Path::new("/h/.meros/127.0.0.1_5050/token"), "{master}");
        }
        assert_eq!(home_file(home, "10.0.0.1:99"), Path::new("/h/.meros/10.0.0.1_99/token"));
    }

    #[test]
    fn what_was_said_explicitly_goes_first() {
        let folder = std::env::temp_dir().join(format!("meros-token-test-{}", std::process::id()));
        let at_home = home_file(&folder, "localhost:7");
        std::fs::create_dir_all(at_home.parent().unwrap()).unwrap();
        std::fs::write(&at_home, "home\n").unwrap();
        let explicit = folder.join("explicit");
        std::fs::write(&explicit, "explicit\n").unwrap();
        assert_eq!(discover_in("127.0.0.1:7", Some(&explicit), Some(&folder)).unwrap(), token("explicit"));
        assert_eq!(discover_in("127.0.0.1:7", None, Some(&folder)).unwrap(), token("home"));
        std::fs::write(&explicit, "no token\n").unwrap();
        assert!(matches!(discover_in("127.0.0.1:7", Some(&explicit), Some(&folder)), Err(TokenError::Malformed { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
        // A file that was named and is not there is an error, not a reason to look elsewhere.
        assert!(matches!(discover_in("127.0.0.1:7", Some(&explicit), Some(&folder)), Err(TokenError::Unreadable { .. })));
    }

    #[test]
    fn an_absent_token_says_where_it_would_be() {
        let error = discover_in("127.0.0.1:8", None, Some(Path::new("/nowhere"))).unwrap_err().to_string();
        assert!(error.contains("/nowhere/.meros/127.0.0.1_8/token") && error.contains("MEROS_TOKEN_FILE"), "{error}");
    }
}
