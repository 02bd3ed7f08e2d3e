//! What was asked of a stand-in and would change something in the world: tests count it.

/// One request that changed something, or tried to with a sound request. One that a fault kept from acting is not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The vendor's name for it: `disconnect`, `kill`, `isolate`, `StopAndQuarantineFile`, ...
    pub action: String,
    /// The one thing it was aimed at: an agent, a threat, a machine.
    pub target: String,
    /// What else it named: the file's hash, the kind of isolation.
    pub detail: Option<String>,
    /// Whether anything changed.
    pub accepted: bool,
}
