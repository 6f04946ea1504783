//! Everything twice: a simulation that does not repeat itself can't be reproduced, most often because the user's scheduler walks
//! over a `HashMap` or reads a clock.

use crate::{Cluster, Options};

/// How many lines before the first divergence are shown.
const CONTEXT_LINES: usize = 10;

/// Runs the same simulation twice and returns what the second one came to.
///
/// # Panics
/// When the two logs differ, showing the first line that does; and when `run` does.
#[track_caller]
pub fn deterministic<R>(seed: u64, run: impl FnMut(&mut Cluster) -> R) -> R {
    Cluster::twice(&Options::new(seed), run)
}

impl Cluster {
    /// Like [`deterministic`], with other settings.
    ///
    /// # Panics
    /// Like [`deterministic`].
    #[track_caller]
    pub fn twice<R>(options: &Options, mut run: impl FnMut(&mut Cluster) -> R) -> R {
        let mut first = Cluster::new(options.clone());
        run(&mut first);
        let mut second = Cluster::new(options.clone());
        let result = run(&mut second);
        if let Some(divergence) = divergence(first.log(), second.log()) {
            panic!("seed {} does not repeat itself:\n{divergence}", options.seed);
        }
        result
    }
}

/// Where two logs begin to differ, with what came before; none when they are the same.
pub fn divergence(first: &str, second: &str) -> Option<String> {
    if first == second {
        return None;
    }
    let same = first.lines().zip(second.lines()).take_while(|(one, other)| one == other).count();
    let line = |log: &str| log.lines().nth(same).unwrap_or("(the log ends here)").to_owned();
    let before: Vec<&str> = first.lines().take(same).skip(same.saturating_sub(CONTEXT_LINES)).collect();
    Some(format!("{}\nfirst run:  {}\nsecond run: {}", before.join("\n"), line(first), line(second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown_with_what_came_before() {
        assert_eq!(divergence("a\nb\n", "a\nb\n"), None);
        assert_eq!(divergence("a\nb\n", "a\nc\n").unwrap(), "a\nfirst run:  b\nsecond run: c");
        assert_eq!(divergence("a\n", "a\nc\n").unwrap(), "a\nfirst run:  (the log ends here)\nsecond run: c");
    }
}
