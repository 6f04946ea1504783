//! `meros teardown`: frameworks that end for good. Deliberately absent: the connection.

use meros_types::{ClusterState, FrameworkId};

use crate::admin::Admin;
use crate::args::TeardownArgs;
use crate::error::Error;
use crate::output;
use crate::status::framework_of;

/// `meros teardown`. Every framework is looked up before the first of them ends.
pub(crate) async fn teardown(arguments: TeardownArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let state = admin.state(patience).await?;
    let by_id = arguments.frameworks.iter().map(|prefix| framework_of(&state, prefix));
    let by_key = arguments.key.iter().map(|key| framework_with(&state, key));
    let mut frameworks = by_id.chain(by_key).collect::<Result<Vec<FrameworkId>, Error>>()?;
    // One that is named twice ends once.
    frameworks.sort_unstable();
    frameworks.dedup();
    for framework in frameworks {
        admin.teardown(framework, patience).await?;
        output::say(format!("{framework} is torn down, and its tasks are ending"))?;
    }
    Ok(())
}

/// The framework that has this key.
fn framework_with(state: &ClusterState, key: &str) -> Result<FrameworkId, Error> {
    let found = state.frameworks.iter().find(|framework| framework.key.as_deref() == Some(key));
    let unknown = || Error::Usage(format!("no framework has the key {key:?} (see `meros status frameworks`)"));
    found.map(|framework| framework.id).ok_or_else(unknown)
}
