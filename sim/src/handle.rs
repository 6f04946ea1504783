//! What a simulation calls its agents and frameworks by.

use std::fmt;
use std::marker::PhantomData;

use meros_types::{Attributes, Resources};

use crate::network::Client;

/// An agent of a simulated cluster, over all its restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentHandle(pub(crate) usize);

/// A framework of a simulated cluster: `cluster[handle]` is its scheduler.
pub struct Handle<S> {
    pub(crate) index: usize,
    scheduler: PhantomData<fn() -> S>,
}

impl<S> Handle<S> {
    pub(crate) fn new(index: usize) -> Self {
        Self { index, scheduler: PhantomData }
    }
}

// Derived, these would ask the same of the scheduler.
impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Handle<S> {}

impl<S> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.index)
    }
}

/// Whoever has a stream to the master: an agent or a framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub(crate) Client);

impl From<AgentHandle> for Peer {
    fn from(agent: AgentHandle) -> Self {
        Self(Client::Agent(agent.0))
    }
}

impl<S> From<Handle<S>> for Peer {
    fn from(framework: Handle<S>) -> Self {
        Self(Client::Framework(framework.index))
    }
}

/// An agent to add to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSpec {
    /// Where it runs; `agent-<n>` when none is given.
    pub hostname: Option<String>,
    /// All that it can give.
    pub resources: Resources,
    /// What its operator says of it.
    pub attributes: Attributes,
}

impl AgentSpec {
    /// An agent with these resources and no attributes.
    pub fn new(resources: Resources) -> Self {
        Self { hostname: None, resources, attributes: Attributes::default() }
    }
}
