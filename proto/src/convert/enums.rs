//! Closed sets of values. The wire's zero says nothing and is refused.

use meros_types as domain;

use crate::{WireError, v1};

macro_rules! enums {
    ($($name:ident { $($variant:ident),* $(,)? })*) => {
        $(
            impl From<domain::$name> for v1::$name {
                fn from(value: domain::$name) -> Self {
                    match value {
                        $(domain::$name::$variant => Self::$variant,)*
                    }
                }
            }

            impl TryFrom<v1::$name> for domain::$name {
                type Error = WireError;
                fn try_from(wire: v1::$name) -> Result<Self, WireError> {
                    match wire {
                        v1::$name::Unspecified => Err(WireError::new("", "it is not specified")),
                        $(v1::$name::$variant => Ok(Self::$variant),)*
                    }
                }
            }
        )*
    };
}

enums! {
    TaskState {
        Staging, Starting, Running, Killing, Finished, Failed, Killed, Error, Dropped, Unreachable, Gone, GoneByOperator, Unknown,
    }
    Source { Master, Agent, Executor }
    Reason {
        Accepted, Started, Exited, Signaled, MemoryLimit, AgentOutOfMemory, LaunchFailed, ContainerFailed, KillRequested,
        FrameworkRemoved, SupervisorLost, InvalidOffer, ExceedsOffer, DuplicateTask, InvalidTask, Unimplemented, GroupRefused,
        AgentRefused, LaunchLost, AgentUnreachable, AgentReturned, AgentForgot, Reconciliation,
        DiskLimit, AgentRebooted, AgentGone,
    }
    SessionEndKind { Fenced, Removed, Invalid }
    LogStream { Stdout, Stderr }
    Standing { Wanting, NoDemand, Sated, Disconnected, TooManyOffers, Recovering }
}
