//! The wire: the `meros.v1` protocol, and the one place where it becomes the domain and back.
//!
//! Owned here: the `.proto` files, the code generated from them, the bounds on what a peer may send, conversions that name
//! the offending field, and the token that every connection carries. Deliberately absent: connections, retries and decisions; nothing here keeps state.
//!
//! Every message of `meros-types` converts into its counterpart in [`v1`] with `From`, and back with `TryFrom`, whose error
//! is a [`WireError`]. One exception makes a batch robust: a [`v1::Call`] that can't be read becomes
//! `Call::Refused`, so that the calls around it still apply.

mod admin;
mod convert;
mod error;
mod limits;
mod log;
pub mod token;

pub use admin::{Explain, KillTask, MarkGone, ReadLog, RemoveWindow, SetDuty, SetWindow, Teardown};
pub use error::WireError;
pub use limits::*;
pub use token::{TOKEN_KEY, Token, TokenError, authorization, bearer};

/// The generated messages, clients and servers of package `meros.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    rustdoc::all,
    reason = "prost and tonic generate this module; its documentation is in the .proto files"
)]
pub mod v1 {
    tonic::include_proto!("meros.v1");
}
