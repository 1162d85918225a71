package import CloudstateModel

/// What primaries confirmed: one node under each epoch of a shard, and at each position one batch for ever.
package struct ConfirmationChecker: Sendable {
  private struct Term: Hashable {
    let shard: ShardID
    let epoch: Epoch
  }

  private struct Place: Hashable {
    let shard: ShardID
    let position: Position
  }

  private var confirmers: [Term: NodeID] = [:]
  private var batches: [Place: (batch: BatchMark, by: NodeID)] = [:]
  /// Up to where each shard was confirmed by anyone.
  private var ends: [ShardID: Position] = [:]

  package init() {}

  package func end(of shard: ShardID) -> Position { ends[shard] ?? .start }

  /// A node confirms batches under an epoch.
  package mutating func confirmed(
    _ new: [BatchMark], of shard: ShardID, under epoch: Epoch, by node: NodeID
  ) -> Violation? {
    let term = Term(shard: shard, epoch: epoch)
    if let other = confirmers[term], other != node {
      return Violation(
        .onePrimary, "\(node) and \(other) both confirm batches of \(shard) under epoch \(epoch)")
    }
    confirmers[term] = node
    for batch in new {
      let place = Place(shard: shard, position: batch.position)
      if let known = batches[place], known.batch != batch {
        return Violation(
          .onePrimary,
          "\(node) confirms \(batch) of \(shard), where \(known.by) has confirmed another batch, \(known.batch)"
        )
      }
      batches[place] = (batch, node)
    }
    if let last = new.last { ends[shard] = max(end(of: shard), last.position) }
    return nil
  }

  /// Compares what was confirmed with the stream as it is in the end.
  package func violation(of shard: ShardID, against stream: [BatchMark]) -> Violation? {
    let end = end(of: shard).number
    guard end <= UInt64(stream.count) else {
      return Violation(
        .durable, "\(shard) was confirmed up to \(end) and ends at \(stream.count)")
    }
    for batch in stream.prefix(Int(end)) {
      let place = Place(shard: shard, position: batch.position)
      if let known = batches[place], known.batch != batch {
        return Violation(
          .durable, "\(known.batch) of \(shard) was confirmed by \(known.by), and \(batch) is there"
        )
      }
    }
    return nil
  }
}
