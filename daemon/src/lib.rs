//! What the shells of both daemons need alike: clocks, the lifeline, the lock on a directory, the Host check, figures for
//! Prometheus. Deliberately absent: decisions, streams, and anything that only one of them has.

pub mod clock;
pub mod host;
pub mod lifeline;
pub mod lock;
pub mod metrics;
