//! A master, event by event, in memory. Each file has one topic; `harness` is what they share.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by a panic that it failed, and by its name what it shows")]

mod accepting;
mod agent_loss;
mod allocating;
mod any_order;
mod duty;
mod explaining;
mod facts;
mod failover;
mod filtering;
mod gone;
mod harness;
mod identity;
mod killing;
mod limits;
mod preferences;
mod reconciling;
mod registering;
mod requests;
mod restarting;
mod roles;
mod sharing;
mod silence;
mod storing;
mod subscribing;
mod windows;
