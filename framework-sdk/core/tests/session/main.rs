//! The session of a scheduler, event by event, in memory. Each file has one topic; `desk` is what they share.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by a panic that it failed, and by its name what it shows")]

mod any_order;
mod counting;
mod deferring;
mod desk;
mod ending;
mod explaining;
mod facts;
mod held;
mod kills;
mod limits;
mod lost_launches;
mod offers;
mod reconnecting;
mod restarting;
mod saving;
mod storing;
mod subscribing;
mod timers;
