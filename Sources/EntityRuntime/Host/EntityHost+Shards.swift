import CloudstateModel
import DequeModule
import NIOCore

/// A command that came before its shard.
struct EarlyCommand {
  let command: EntityCommand
  let completion: EntityHost.Completion
}

// The shards of a host come and go.
extension EntityHost {
  /// The shard is being opened here: its commands are kept until it is served, but not for long.
  func expect(_ shard: ShardID) {
    guard shards[shard]?.phase != .serving else { return }
    let due = early.expect(shard, now: now())
    let host = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.scheduleTask(deadline: .uptimeNanoseconds(due)) {
      let host = host.value
      host.refuse(host.early.overdue(shard, now: host.now()), of: shard)
    }
  }

  private func refuse(_ commands: Deque<EarlyCommand>, of shard: ShardID) {
    let refusal = refusal(of: shard)
    for command in commands { command.completion(.error(refusal)) }
  }

  /// Takes commands of the shard from now on, or goes on under a higher epoch. Entities of a hand-over that
  /// has not ended still end; until then their commands are refused.
  func serve(_ shard: ShardID, epoch: Epoch, leaseEnd: UInt64) {
    refusals[shard] = nil
    if let known = shards[shard] {
      known.epoch = epoch
      known.phase = .serving
      extendLease(of: shard, to: leaseEnd)
    } else {
      shards[shard] = HostedShard(shard, epoch: epoch, leaseEnd: leaseEnd)
    }
    for command in early.take(shard) {
      submit(command.command, shard: shard, completion: command.completion)
    }
  }

  /// Answers may be given until then. Those held back go out, in order.
  func extendLease(of shard: ShardID, to leaseEnd: UInt64) {
    guard let hosted = shards[shard] else { return }
    give(hosted.lease.extend(to: leaseEnd, now: now()))
    finishHandOver(of: hosted)
  }

  /// Takes no new commands, ends the entities, and calls `completion` on the loop when they are gone and all
  /// answers given.
  func handOver(_ shard: ShardID, completion: @escaping @Sendable () -> Void) {
    guard let hosted = shards[shard] else {
      refuse(early.take(shard), of: shard)
      completion()
      return
    }
    hosted.handOver(completion: completion)
    finishHandOver(of: hosted)
  }

  func finishHandOver(of shard: HostedShard) {
    guard shard.hasHandedOver else { return }
    if shard.phase == .handingOver {
      shards[shard.id] = nil
      refusals[shard.id] = "it was handed over to another node; retry"
    }
    shard.takeHandOvers().forEach { $0() }
  }

  /// Ends everything of the shard at once, or says why it cannot be served.
  func giveUp(_ shard: ShardID, because reason: String) {
    refusals[shard] = reason
    let hosted = shards.removeValue(forKey: shard)
    refuse(early.take(shard), of: shard)
    guard let hosted else { return }
    // Callers may come back from within; the shard is gone for them.
    for instance in hosted.removeAll() {
      forget(instance)
      instance.giveUp(because: reason)
    }
    give(hosted.lease.giveUp(because: reason))
    hosted.takeHandOvers().forEach { $0() }
    finishIfQuiet()
  }

  /// Ends what has lasted too long. The list is ordered by activity, so the walk stops at the first entity
  /// that was active recently; those that this sweep itself moved to the end of the list are among them.
  func sweepOnce() {
    let now = now()
    let commandLimit = configuration.commandTimeout.inNanoseconds
    let closeLimit = configuration.closeTimeout.inNanoseconds
    let shortest = configuration.passivationTimeouts.values.reduce(
      min(
        configuration.passivationTimeout, configuration.commandTimeout, configuration.closeTimeout),
      min
    ).inNanoseconds
    var candidate = room.activity.oldest
    while let instance = candidate, now.since(instance.lastActivity) >= shortest {
      candidate = instance.next
      let age = now.since(instance.lastActivity)
      if let sentAt = instance.commandSentAt {
        if now.since(sentAt) >= commandLimit { instance.commandTimedOut() }
      } else if let since = instance.recoveringSince {
        if now.since(since) >= commandLimit { instance.recoveryTimedOut() }
      } else if instance.isClosing {
        if age >= closeLimit { instance.closeTimedOut() }
      } else if instance.isIdle,
        age >= configuration.passivationTimeout(of: instance.serviceName).inNanoseconds
      {
        _ = instance.passivate()
      }
    }
    for shard in Array(shards.values) where !shard.lease.held.isEmpty {
      give(shard.lease.expire(after: commandLimit, now: now))
      finishHandOver(of: shard)
    }
  }
}

extension UInt64 {
  /// The nanoseconds since another moment of the same clock; 0 if that is later.
  fileprivate func since(_ earlier: UInt64) -> UInt64 { self > earlier ? self - earlier : 0 }
}
