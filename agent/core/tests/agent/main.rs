//! An agent, event by event, in memory. Each file has one topic; `harness` is what they share.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by a panic that it failed, and by its name what it shows")]

mod any_order;
mod connecting;
mod damaged;
mod ending;
mod facts;
mod harness;
mod killing;
mod launching;
mod recording;
mod recovering;
mod users;
