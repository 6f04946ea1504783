//! What is said between master, frameworks and agents. Each message is one step; nothing here is a reply to be waited for.

mod agent;
mod framework;

pub use agent::*;
pub use framework::*;
