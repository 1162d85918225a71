package import CloudstateModel
package import ShardStore

// The primary's own copy: opened, damaged, given up.
extension ShardMachine {
  /// The store has opened the shard, or has not.
  ///
  /// - Parameter promisedUntil: until when this node has promised another primary to serve nobody.
  package mutating func opened(
    _ result: Result<ShardEnd, StoreError>, epoch: Epoch, promisedUntil: Uptime, now: Uptime,
    into actions: inout [ShardAction]
  ) {
    // Whoever has given up meanwhile confirms nothing by a word that comes late.
    guard epoch == self.epoch, isPrimary, phase != .deposed, phase != .failed else { return }
    switch result {
    case .failure(let error):
      failOpening(error, into: &actions)
    case .success(let end):
      openedEpoch = epoch
      // Batches that were fetched under the epoch before may have come in, of which nothing was heard under this one.
      let hasGrown = phase == .joining && end.position > self.end.position
      if !isEndKnown || hasGrown {
        recent.removeAll()
        self.end = CopyProgress.Place(position: end.position, epoch: end.epoch)
        isEndKnown = true
        if phase == .opening {
          phase = .joining
          joinAfter = promisedUntil
        } else if phase != .joining {
          // What was written before there were copies to wait for was acknowledged then.
          confirmed = end.position
          actions.append(.confirm(confirmed))
        }
      }
      progressAll(now: now, into: &actions)
    }
  }

  private mutating func failOpening(_ error: StoreError, into actions: inout [ShardAction]) {
    switch error.code {
    case .staleEpoch:
      phase = .deposed
      seenEpoch = epoch
      actions.append(.giveUp("another epoch of the shard has begun"))
    case .closed:
      phase = .failed
    default:
      failed(because: error.message, isDamage: error.code == .corruptRecord, into: &actions)
    }
  }

  /// A record of this node's copy cannot be trusted. Where another copy is in-sync, that one takes over;
  /// elsewhere the shard goes on, and what needs the record fails.
  /// Likewise where its disk has failed.
  package mutating func foundDamage(_ reason: String, into actions: inout [ShardAction]) {
    guard isPrimary, phase != .failed, assignment?.inSync.isEmpty == false else { return }
    failed(because: reason, isDamage: true, into: &actions)
  }

  private mutating func failed(
    because reason: String, isDamage: Bool, into actions: inout [ShardAction]
  ) {
    stopLeading(because: reason, into: &actions)
    actions.append(.close)
    phase = .failed
    damage = reason
    actions.append(.report("shard \(shard) cannot be served from this node's copy: \(reason)"))
  }

  /// Ends what runs under this primary.
  mutating func stopLeading(because reason: String, into actions: inout [ShardAction]) {
    actions.append(.giveUp(reason))
    actions.append(.failUnconfirmed(reason))
    recent.removeAll()
    isEndKnown = false
    forgetHandOver()
    unconfirmedSince = nil
    for node in copies.keys { copies[node]?.startAfresh() }
  }
}
