//! `meros teardown`: frameworks that end for good. Deliberately absent: the connection.

use meros_types::FrameworkId;

use crate::admin::Admin;
use crate::args::TeardownArgs;
use crate::error::Error;
use crate::{find, output};

/// `meros teardown`. Every framework is looked up before the first of them ends.
pub(crate) async fn teardown(arguments: TeardownArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let state = admin.state(patience).await?;
    let by_id = arguments.frameworks.iter().map(|wanted| find::framework(&state, wanted).map(|framework| framework.id));
    let by_key = arguments.key.iter().map(|key| find::framework_with(&state, key));
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
