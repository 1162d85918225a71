/// How many copies of each shard a service keeps, and when an answer counts; `nil` leaves the node its
/// own default.
package struct CopySettings: Hashable, Sendable {
  /// What an answer waits for.
  package enum Acknowledgement: String, Hashable, Sendable, CaseIterable {
    /// Every in-sync copy has the event on stable storage.
    case inSync = "in-sync"
    /// The primary alone has; what only it has is lost with its disk.
    case local
  }

  /// The legal numbers of copies, the primary's included. More copies than this cost more than the
  /// failures they outlive are likely.
  package static let legalReplication = 1...7

  /// Copies of each shard, the primary's included.
  package var replication: Int?
  package var acknowledgement: Acknowledgement?

  package init(replication: Int? = nil, acknowledgement: Acknowledgement? = nil) {
    self.replication = replication
    self.acknowledgement = acknowledgement
  }

  /// These settings, and those of `defaults` where there are none.
  func merged(over defaults: Self) -> Self {
    Self(
      replication: replication ?? defaults.replication,
      acknowledgement: acknowledgement ?? defaults.acknowledgement)
  }

  /// The flags of `cs-node` that say the same.
  var arguments: [String] {
    var arguments: [String] = []
    if let replication { arguments += ["--replication", String(replication)] }
    if let acknowledgement { arguments += ["--ack", acknowledgement.rawValue] }
    return arguments
  }
}
