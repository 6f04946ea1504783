//! What the master counts of itself, for `/metrics`.

/// Events since the process began; each only rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Offers made.
    pub offers_made: u64,
    /// Offers declined by their framework.
    pub offers_declined: u64,
    /// Offers used by an accept.
    pub offers_accepted: u64,
    /// Offers whose lease ended.
    pub offers_expired: u64,
    /// Offers taken back for any other reason.
    pub offers_rescinded: u64,
    /// Tasks sent to an agent.
    pub tasks_launched: u64,
    /// Tasks refused in an accept.
    pub tasks_refused: u64,
    /// Tasks of which a terminal fact came.
    pub tasks_ended: u64,
    /// Facts taken from agents, repetitions included.
    pub facts: u64,
    /// Calls that were refused.
    pub calls_refused: u64,
    /// Allocation passes that had something to look at.
    pub allocation_passes: u64,
}

/// The counters, and how much there is of what now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// The counters.
    pub counters: Counters,
    /// Agents with a stream.
    pub agents_connected: u64,
    /// Agents without.
    pub agents_unreachable: u64,
    /// Frameworks with a stream.
    pub frameworks_connected: u64,
    /// Frameworks without.
    pub frameworks_disconnected: u64,
    /// Offers that stand.
    pub offers: u64,
    /// Tasks that are not terminal.
    pub tasks_live: u64,
}
