//! The vocabulary that every other crate of Meros speaks: ids, resources, time, offers, tasks and the messages that carry them.
//!
//! Owned here: the domain types, their arithmetic and their text forms. Deliberately absent: the wire (`meros-proto`
//! converts), decisions (the cores), and anything that reads a clock, a file or a random source.

pub mod bounds;
pub mod constraint;
pub mod container;
pub mod demand;
pub mod explanation;
pub mod holding;
pub mod ids;
pub mod messages;
pub mod names;
pub mod operation;
pub mod operator;
pub mod reservation;
pub mod resources;
pub mod state;
pub mod task;
pub mod time;

pub use bounds::Bounds;
pub use constraint::*;
pub use container::*;
pub use demand::*;
pub use explanation::*;
pub use holding::Holding;
pub use ids::*;
pub use messages::*;
pub use names::{Attributes, Domain, NameError, Role};
pub use operation::*;
pub use operator::*;
pub use reservation::*;
pub use resources::*;
pub use state::*;
pub use task::*;
pub use time::*;
