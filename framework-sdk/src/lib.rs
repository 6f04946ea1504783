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
//! Owned here: the connection, the threads that the scheduler and its store run on, the clock, the seed, and where state is
//! kept. Deliberately absent: every
//! decision about the session, which `meros-session` takes, so that the simulator runs the same code.
//!
//! # Restarts
//! A framework with a key outlives its process, and so do its tasks. With a [`StateStore`] too ([`Framework::state`]) a new
//! process goes on where the one before was, whenever that ended: what a callback decided is stored before any of it leaves, and
//! what it heard before it is acknowledged. So each fact reaches a scheduler's state once: what [`Context::save`] changed is
//! stored together with the fact that it follows from.
//! ```no_run
//! # use meros::{Context, FileStore, Framework, Offer, Scheduler, TaskUpdate};
//! struct Counter;
//!
//! impl Scheduler for Counter {
//! #   fn offers(&mut self, _: &mut [Offer], _: &mut Context) {}
//!     fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
//!         if update.state.is_terminal() {
//!             let ended = cx.saved("ended").map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
//!             cx.save("ended", (ended + 1).to_le_bytes());
//!         }
//!     }
//! }
//!
//! # async fn example() -> Result<(), meros::Error> {
//! Framework::new("counter").key("counter").state(FileStore::open("counter.state")?).run(Counter).await?;
//! # Ok(())
//! # }
//! ```
//! [`Context::tasks`] has the tasks of the process before from the beginning. A new process should go by it and by what it saved:
//! a task that is in neither has never been launched. Without a key nobody can come back for a framework's tasks, so that a
//! store begins anew with each process of a keyless framework. [`Context::teardown`] forgets the framework with its tasks; what the
//! scheduler saved itself stays. After a failover timeout that has passed, or at another cluster, the master says that the
//! framework is no more: then nothing is forgotten unasked, and [`FileStore::forget_framework`] is the way on.
//!
//! # A database of one's own
//! A scheduler that keeps its state elsewhere puts acknowledging off with [`Context::defer_ack`] until it is there. Meanwhile
//! callbacks go on. A process that ends before that leaves its successor to be told again, so that the database must take the
//! same fact twice: [`TaskUpdate::fact`] says which it is.
//! ```no_run
//! # use meros::{Ack, Context, Framework, Offer, Scheduler, TaskUpdate};
//! use tokio::sync::mpsc;
//!
//! struct Recorder(mpsc::UnboundedSender<(TaskUpdate, Ack)>);
//!
//! impl Scheduler for Recorder {
//! #   fn offers(&mut self, _: &mut [Offer], _: &mut Context) {}
//!     fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
//!         if let Some(ack) = cx.defer_ack() {
//!             self.0.send((update.clone(), ack)).expect("the program stores until the scheduler ends");
//!         }
//!     }
//! }
//!
//! # async fn store(_: &TaskUpdate) {}
//! # async fn example() -> Result<(), meros::Error> {
//! let (told, mut to_store) = mpsc::unbounded_channel();
//! let (handle, running) = Framework::new("recorder").key("recorder").spawn(Recorder(told))?;
//! while let Some((update, ack)) = to_store.recv().await {
//!     store(&update).await;
//!     handle.call(move |_, cx| cx.acknowledge(ack)).await?;
//! }
//! running.await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Threads
//! A scheduler has a thread of its own, named `meros-scheduler`: a slow callback holds up nobody else's I/O, and it may
//! block for a moment. Reading, writing and the wire's conversions run as tasks of the tokio runtime that
//! [`Framework::run`] was called in. A store has a thread too, named `meros-state`: while it writes, callbacks and heartbeats go
//! on, and what they decide is stored and sent together afterwards.

mod address;
mod clock;
mod connection;
mod driver;
mod error;
mod framework;
mod handle;
mod state;

pub use error::Error;
pub use framework::{Framework, MASTER_DEFAULT, MASTER_VARIABLE};
pub use handle::{Handle, Running};
pub use meros_proto::TokenError;
pub use meros_session::{
    Ack, Context, LaunchError, Offer, Saved, SavedFramework, SavedKill, SavedLive, SavedTask, Scheduler, Session, SessionError,
    SessionKind, StateChange, Task, TimerId,
};
pub use meros_types::{
    AgentId, Attributes, Command, Constraint, Demand, Domain, Epoch, Exit, Explanation, FILTER_DEFAULT, FactId, FrameworkId,
    Incarnation, LaunchId, Limitation, Obstacle, OfferId, OfferPreferences, OfferedAgent, PortRange, Ports, Program, Reason,
    Resources, ResourcesError, Role, SHAPES_MAX, SessionEndKind, Shape, ShapeExplanation, Shortfall, Source, Standing, Subject,
    TaskId, TaskSpec, TaskState, TaskUpdate, Term, Test, Time, Unavailability, Usage, WallTime,
};
pub use state::{FileStore, MemoryStore, StateError, StateStore};
