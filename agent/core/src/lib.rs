//! The agent as a state machine: events in, effects out. Placeholder body, being written.

pub mod config;
pub mod effect;
pub mod event;
pub mod shim;

pub use config::AgentConfig;
pub use effect::{ContainerPlan, Effect};
pub use event::{Event, StartFailure};
