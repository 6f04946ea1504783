//! `meros simulate`: the batch scheduler on a simulated cluster, in virtual time. Owned here: the log file and what is said at the
//! end. Deliberately absent: the scenario and the simulator, which are `meros-sim`'s.

use meros_sim::{SimulateOptions, simulate};

use crate::args::SimulateArgs;
use crate::error::Error;
use crate::output;

/// Simulates until every task has come to its end.
pub(crate) fn run(arguments: &SimulateArgs) -> Result<(), Error> {
    let options = SimulateOptions::new(arguments.seed, arguments.agents as usize, arguments.tasks as usize);
    let outcome = simulate(&options);
    if let Some(file) = &arguments.log {
        // A failure's log is the one that somebody will want to read.
        let log = outcome.as_ref().map_or_else(|failure| &*failure.log, |report| report.log.as_str());
        std::fs::write(file, log).map_err(Error::file("write", file))?;
    }
    let report = outcome.map_err(|failure| Error::Outcome(failure.to_string()))?;
    Ok(if arguments.json { output::say_json(&report) } else { output::say(report.to_string().trim_end()) }?)
}
