/// The moments at which a disk may fail a commit.
package enum CommitStage: Sendable {
  /// Nothing was written.
  case write
  /// Everything was written but is not known to be on stable storage.
  case sync
}

/// Makes a disk fail on purpose, for tests: asked at each stage of each commit, on the committer thread,
/// and answers the failure's text, or `nil` to let it succeed. It may block to stand for a slow disk.
package typealias CommitFault = @Sendable (CommitStage) -> String?

/// Runs a write between its two stages.
func faultable(
  _ fault: CommitFault?, _ write: () throws(StoreError) -> Void
) throws(StoreError) {
  if let reason = fault?(.write) { throw StoreError(.writeFailed, reason) }
  try write()
  if let reason = fault?(.sync) { throw StoreError(.writeFailed, reason) }
}
