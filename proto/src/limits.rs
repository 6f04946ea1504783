//! How much a peer may send. What is over a limit is refused by its field's name; nothing is cut short unless said here.
//! The receiver checks: a sender keeps within the limits by itself, since writing a message never fails.
//!
//! Limits of the domain itself (`CALLS_MAX`, `SHAPES_MAX`, the lengths of ids and names) are in `meros-types`. Lists without a
//! limit of their own are bounded by their message's size.

/// The largest message on any stream, in bytes: gRPC's own default, which every client and proxy passes.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// The largest reply of `Admin.GetState`, in bytes: 50,000 agents and half a million tasks.
pub const STATE_BYTES_MAX: usize = 512 << 20;
/// The most output in one chunk, in bytes: small beside a stream's flow-control window, so that many readers share it fairly.
pub const LOG_CHUNK_BYTES_MAX: usize = 64 << 10;
/// How many tasks one accept may launch: what fits in a message at a useful size of each.
pub const ACCEPT_TASKS_MAX: usize = 16_384;
/// How many offers one accept or decline may name: every offer of a framework in a cluster of 50,000 agents.
pub const CALL_OFFERS_MAX: usize = 65_536;
/// How many operations one group of an accept may have.
pub const GROUP_OPERATIONS_MAX: usize = 1_024;
/// How many tasks one reconciliation may name; whoever has more asks in parts, or for all.
pub const RECONCILE_TASKS_MAX: usize = 65_536;
/// How many roles one framework may subscribe with.
pub const ROLES_MAX: usize = 256;
/// How many attributes one agent may have: each travels with each offer.
pub const ATTRIBUTES_MAX: usize = 256;
/// The most bytes of a task's program and environment, with one more for each string: Linux's own limit for a single string.
pub const COMMAND_BYTES_MAX: usize = 128 << 10;
/// How many ranges a set of ports can need: every second port.
pub const PORT_RANGES_MAX: usize = 32_768;
/// The longest name that people see (a task's, a framework's, a host's), in bytes.
pub const DISPLAY_NAME_BYTES_MAX: usize = 256;
/// How much is kept of a sentence for people, in bytes. The rest is cut, since a fact must not be lost for being wordy.
pub const SENTENCE_BYTES_MAX: usize = 4 << 10;
