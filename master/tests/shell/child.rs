//! A master in a process of its own, which can be killed without a polite word: this test binary, started once more.

use std::io::{BufRead, BufReader};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use meros_master::Master;
use meros_proto::Token;

use crate::harness::{Reach, options};

/// Where the child works. Without it, the test that is the child's main function has nothing to do.
const FOLDER_VARIABLE: &str = "MEROS_TEST_MASTER_FOLDER";
/// What the child says once it listens.
const READY: &str = "a master listens on ";

#[tokio::test]
async fn serves_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else { return };
    let master = Master::bind(options(&PathBuf::from(folder))).await.unwrap();
    println!("{READY}{} in term {}", master.address(), master.term());
    master.serve(std::future::pending()).await.unwrap();
}

/// The process. It is killed at the latest when this is dropped.
pub(crate) struct Killable {
    reach: Reach,
    pub(crate) term: u64,
    child: Child,
}

impl Killable {
    /// Starts a master in this folder, and waits until it listens.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::serves_until_it_is_killed", "--nocapture"]).env(FOLDER_VARIABLE, folder);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // The test's own name may stand before it on the line.
        let ready = lines.into_iter().find_map(|line| line.split_once(READY).map(|(_, ready)| ready.to_owned()));
        let ready = ready.expect("the child ended before it listened");
        let (address, term) = ready.split_once(" in term ").unwrap();
        let token = Token::read(&folder.join("master/token")).unwrap();
        Self { reach: Reach { address: address.parse().unwrap(), token }, term: term.parse().unwrap(), child }
    }

    /// SIGKILL, and nothing of it is left.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended by itself, which the test has noticed by then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        self.end();
    }
}

impl Deref for Killable {
    type Target = Reach;

    fn deref(&self) -> &Reach {
        &self.reach
    }
}
