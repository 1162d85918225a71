/// How many nodes must hold a change durably before its caller is answered (protocol section 5,
/// `CrdtWriteConsistency`).
package enum WriteConsistency: Hashable, Sendable, CaseIterable {
  /// The node on which the change was made.
  case local
  /// More than half of the members.
  case majority
  /// All members.
  case all
}
