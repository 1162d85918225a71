package import CloudstateModel
package import ShardStore

/// What a ``ShardMachine`` asks its shell to do, in order.
package enum ShardAction: Hashable, Sendable {
  /// Open the shard in the store under this epoch, behind all that was submitted; answered with
  /// ``ShardMachine/opened(_:epoch:promisedUntil:now:into:)``. With `isReplicated`, hold outcomes of what is
  /// submitted from now on until ``confirm(_:)``, and tell of each with ``ShardMachine/committed(_:now:into:)``.
  case open(Epoch, isReplicated: Bool)
  /// End writing to the shard.
  case close
  /// Delete this node's copy, which a plan has given up, and take nothing of lower epochs from then on. With
  /// `mayBeEmpty`, only if there is anything.
  case drop(Epoch, mayBeEmpty: Bool)
  /// Outcomes up to this position may be given out.
  case confirm(Position)
  /// Outcomes that are still held will not be confirmed here.
  case failUnconfirmed(String)

  /// Take commands, or go on under a higher epoch.
  case serve(Epoch, leaseEnd: Uptime)
  /// Answers may be given until then: later than before, or earlier, because more copies are waited for.
  case extendLease(Uptime)
  /// Finish what runs; answered with ``ShardMachine/handedOver(now:into:)``.
  case handOver
  case giveUp(String)

  /// Answered with ``ShardMachine/answered(_:by:now:into:)``.
  case send(CopySend)
  /// Read deltas of the store; answered with ``ShardMachine/read(_:for:now:into:)``.
  case read(for: NodeID, after: Position)
  /// Look up the epoch of the own batch at a position; answered with
  /// ``ShardMachine/compared(_:at:of:now:into:)``.
  case compare(NodeID, at: ShardEnd)
  /// Fetch what a copy has and this one lacks, and append it here; answered with
  /// ``ShardMachine/fetched(_:from:now:into:)``.
  case fetch(NodeID, after: Position, afterEpoch: Epoch, epoch: Epoch)
  /// Write a line to the log.
  case report(String)
}

/// A committed batch in the form in which it travels.
package struct SealedDelta: Hashable, Sendable {
  package var position: Position
  package var epoch: Epoch
  package var bytes: [UInt8]

  package init(position: Position, epoch: Epoch, bytes: [UInt8]) {
    self.position = position
    self.epoch = epoch
    self.bytes = bytes
  }
}

/// An append on its way to a copy.
package struct CopySend: Hashable, Sendable {
  package var node: NodeID
  package var epoch: Epoch
  package var after: Position
  package var afterEpoch: Epoch
  package var deltas: [SealedDelta]
  package var startsOver = false
  /// Send the positions of consumers along.
  package var includesConsumers = false
  package var releasesLease = false
  /// To be given back with the answer.
  package var tag: Tag

  package struct Tag: Hashable, Sendable {
    package var epoch: Epoch
    package var session: UInt64
    package var sentAt: Uptime
    package var bytes: Int
    /// The version of the consumers' positions, where they were sent along.
    package var consumers: UInt64?
    /// The append asks the copy to forget the lease it granted.
    package var releasesLease: Bool
  }
}

/// What became of an append.
package struct CopyAnswer: Hashable, Sendable {
  package enum Outcome: Hashable, Sendable {
    case appended(Position)
    case mismatch(ShardEnd)
    case higherEpoch(Epoch)
    /// The copy cannot be written now, or cannot be reached.
    case failed(String)
    case damaged(String)
  }

  package var tag: CopySend.Tag
  package var outcome: Outcome

  package init(tag: CopySend.Tag, outcome: Outcome) {
    self.tag = tag
    self.outcome = outcome
  }
}
