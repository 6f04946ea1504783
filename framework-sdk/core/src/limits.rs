//! Everything that can grow or wait has its limit here, with the reason for its size.

use std::time::Duration;

/// The wait before the first attempt to reconnect; each further one waits twice as long.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait between two attempts: a master that is back is found within this.
pub const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A session that lasted this long was a good one: the next attempt starts at [`BACKOFF_FIRST`] again.
pub const GOOD_SESSION: Duration = Duration::from_secs(10);
/// How long connecting may take, and then again the answer to the subscription.
pub const SUBSCRIBE_WAIT: Duration = Duration::from_secs(10);
/// A master that says nothing for so long (six heartbeats) is given up, and connected to anew.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The shortest heartbeat that is believed, so that no master can make a scheduler do nothing else.
pub const HEARTBEAT_MIN: Duration = Duration::from_millis(100);

/// A kill is repeated after this, and then after twice as long each time.
pub const KILL_REPEAT_FIRST: Duration = Duration::from_secs(5);
/// The longest wait between two repetitions of a kill.
pub const KILL_REPEAT_MAX: Duration = Duration::from_secs(60);
/// Tasks that the master didn't know are asked about again after this, and then after twice as long each time.
pub const ASK_AGAIN_FIRST: Duration = Duration::from_secs(1);
/// The longest wait between two questions about tasks that the master doesn't know.
pub const ASK_AGAIN_MAX: Duration = Duration::from_secs(60);
/// How long the end of a scheduler waits for the master to confirm that the framework is torn down.
pub const TEARDOWN_WAIT: Duration = Duration::from_secs(10);
/// The shortest timer, so that one that sets itself again can't stop the time.
pub const TIMER_MIN: Duration = Duration::from_millis(1);

/// How many tasks a scheduler may have live: ten times the largest cluster that was measured, about 300 MB.
pub const TASKS_MAX: usize = 1 << 20;
/// How many timers may be set at once: one for every task.
pub const TIMERS_MAX: usize = TASKS_MAX;
/// How many offers may be held; what is held beyond is declined. More than one of each agent helps nobody.
pub const HELD_MAX: usize = 1 << 16;
/// How many ended tasks are remembered, so as to refuse their ids and not to report their end twice, also in the store. A fact
/// whose acknowledgement was lost comes again within a minute: enough for a thousand ends a second.
pub const ENDED_MAX: usize = 1 << 16;
/// How many facts may wait for a scheduler to acknowledge them itself: one of each task.
pub const DEFERRED_MAX: usize = TASKS_MAX;
/// How many questions why there is no more on offer may wait for a connection: one for each role of a framework.
pub const EXPLAINS_MAX: usize = 256;
/// How many answers may wait for the scheduler's state to be stored. A store that takes so long has stopped.
pub const WAITING_MAX: usize = 1 << 20;
/// The longest name of a saved value, in bytes.
pub const SAVED_KEY_BYTES_MAX: usize = 256;
/// The largest saved value, in bytes: what a callback changes is written as a whole.
pub const SAVED_VALUE_BYTES_MAX: usize = 1 << 20;
/// How many values a scheduler may have saved.
pub const SAVED_KEYS_MAX: usize = 1 << 16;
/// How large all saved values may be, in bytes with their names: they are held in memory.
pub const SAVED_BYTES_MAX: usize = 64 << 20;
/// How many earlier lives of its agent a task remembers, so as not to take their facts for new ones.
pub const LIVES_MAX: usize = 16;
/// How large the launches on one offer may become, in bytes of text. With [`MESSAGE_BYTES_MAX`] it keeps every message below
/// the wire's 4 MiB.
pub const OFFER_BYTES_MAX: usize = 1 << 20;
/// A message that has become so large is sent, and another begun.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How many bytes of a framework's key or name become the beginning of its task ids.
pub const PREFIX_BYTES_MAX: usize = 64;

/// How long a framework without a key outlives its stream.
pub const EPHEMERAL_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes of a task's program and environment, with one more for each string; the wire's limit.
pub const COMMAND_BYTES_MAX: usize = 128 << 10;
/// The longest display name of a task, in bytes; the wire's limit.
pub const TASK_NAME_BYTES_MAX: usize = 256;
