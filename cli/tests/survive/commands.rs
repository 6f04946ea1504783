//! What the tests run: commands that leave a mark each time they begin, wait at a gate, and exit with a code of their own.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::daemons::{Gate, Master, Site};
use crate::support::{Process, text};

/// The commands of one `meros batch`.
pub(crate) struct Commands {
    file: PathBuf,
    /// Where each leaves its marks. Every user may write there.
    pub(crate) marks: PathBuf,
    lines: Vec<String>,
    codes: Vec<i64>,
}

impl Commands {
    pub(crate) fn new(site: &Site) -> Self {
        let marks = site.path("marks");
        std::fs::create_dir(&marks).unwrap();
        std::fs::set_permissions(&marks, Permissions::from_mode(0o777)).unwrap();
        Self { file: site.path("commands"), marks, lines: Vec::new(), codes: Vec::new() }
    }

    /// Ten with the exit codes 0 to 9: three that wait at the first gate, seven at the second.
    pub(crate) fn ten(site: &Site, first: &Gate, second: &Gate) -> Self {
        let mut ten = Self::new(site);
        (0..10).for_each(|code| ten.add(if code < 3 { first } else { second }, code));
        ten
    }

    /// One that waits at the gate and exits with this code.
    pub(crate) fn add(&mut self, gate: &Gate, code: i64) {
        self.add_script(&gate.wait(), code);
    }

    /// One that does this and exits with this code.
    pub(crate) fn add_script(&mut self, script: &str, code: i64) {
        let mark = self.marks.join(self.lines.len().to_string());
        self.lines.push(format!("echo begun >> {}; {script}; exit {code}", mark.display()));
        self.codes.push(code);
    }

    /// A scheduler that runs them, without a key.
    pub(crate) fn batch(&self, master: &Master) -> Command {
        std::fs::write(&self.file, self.lines.join("\n")).unwrap();
        let mut command = master.meros();
        command.arg("batch").arg(&self.file).args(["--cpus", "0.1", "--mem", "16MiB", "--json"]);
        command
    }

    /// The same with a key.
    pub(crate) fn keyed_batch(&self, master: &Master, key: &str, state: &PathBuf) -> Process {
        Process::start(self.batch(master).args(["--key", key, "--state"]).arg(state))
    }

    /// Waits for the end of a batch. Each command has begun once, in one attempt, and ended with its code.
    #[track_caller]
    pub(crate) fn check(&self, batch: &mut Process) {
        assert_eq!(self.attempts(batch), vec![1; self.codes.len()], "attempts");
    }

    /// The same where launches may have been lost, so that more than one attempt was made: how many of each.
    #[track_caller]
    pub(crate) fn attempts(&self, batch: &mut Process) -> Vec<u64> {
        let code = batch.code();
        let (said, complaints) = (Process::rest(&batch.lines), Process::rest(&batch.errors));
        let rows: Vec<Value> = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}\n{complaints}"));
        let wanted: Vec<_> = self.codes.iter().map(|code| Some(*code)).collect();
        assert_eq!(rows.iter().map(|row| row["exit"]["Code"].as_i64()).collect::<Vec<_>>(), wanted, "{complaints}");
        assert_eq!(self.began(), vec![1; self.codes.len()], "how often each began");
        assert_eq!(code, Some(i32::from(self.codes.iter().any(|code| *code != 0))), "{complaints}");
        rows.iter().map(|row| row["attempts"].as_u64().unwrap()).collect()
    }

    /// How often each has begun.
    fn began(&self) -> Vec<usize> {
        let marks = |n: usize| text(&std::fs::read(self.marks.join(n.to_string())).unwrap_or_default());
        (0..self.lines.len()).map(|n| marks(n).lines().count()).collect()
    }
}

/// Those of `now` that were there `before`.
pub(crate) fn lasting(before: &[i32], now: &[i32]) -> Vec<i32> {
    now.iter().copied().filter(|pid| before.contains(pid)).collect()
}
