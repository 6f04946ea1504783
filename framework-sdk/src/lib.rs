//! The SDK of Meros: write a [`Scheduler`], run it with [`Framework`].
//!
//! ```no_run
//! use meros::{Command, Context, Demand, Framework, Offer, Resources, Role, Scheduler, TaskSpec, TaskUpdate};
//!
//! /// Runs one command, somewhere.
//! struct Once(Option<Command>);
//!
//! impl Scheduler for Once {
//!     fn demand(&self, _: &Role) -> Demand {
//!         Demand::of(Resources::none().with_cpu_milli(100), u64::from(self.0.is_some()))
//!     }
//!     fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
//!         if let Some(command) = self.0.take() {
//!             let task = TaskSpec::new(cx.new_task_id(), command, Resources::none().with_cpu_milli(100));
//!             offers[0].launch(task).expect("the offer has what the demand asks for");
//!         }
//!     }
//!     fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
//!         if update.state.is_terminal() {
//!             cx.stop();
//!         }
//!     }
//! }
//!
//! # async fn example() -> Result<(), meros::Error> {
//! Framework::new("once").run(Once(Some(Command::shell("date")))).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Owned here: the connection, the thread that the scheduler runs on, the clock and the seed. Deliberately absent: every
//! decision about the session, which `meros-session` takes, so that the simulator runs the same code.
//!
//! # Threads
//! A scheduler has a thread of its own, named `meros-scheduler`: a slow callback holds up nobody else's I/O, and it may
//! block for a moment. Reading, writing and the wire's conversions run as tasks of the tokio runtime that
//! [`Framework::run`] was called in.

mod address;
mod clock;
mod connection;
mod driver;
mod error;
mod framework;
mod handle;

pub use error::Error;
pub use framework::{Framework, MASTER_DEFAULT, MASTER_VARIABLE};
pub use handle::{Handle, Running};
pub use meros_proto::TokenError;
pub use meros_session::{Context, LaunchError, Offer, Scheduler, Session, SessionError, SessionKind, Task, TimerId};
pub use meros_types::{
    AgentId, Attributes, Command, Demand, Epoch, Exit, FILTER_DEFAULT, FrameworkId, LaunchId, Limitation, OfferId, OfferedAgent,
    PortRange, Ports, Program, Reason, Resources, ResourcesError, Role, SHAPES_MAX, SessionEndKind, Shape, Shortfall, Source,
    TaskId, TaskSpec, TaskState, TaskUpdate, Time, Usage, WallTime,
};
