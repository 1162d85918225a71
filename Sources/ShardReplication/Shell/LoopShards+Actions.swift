import CloudstateModel
import Logging
import NIOCore
import NIOPosix
import ShardStore

// What the machines of a loop's shards ask for.
extension LoopShards {
  func perform(_ action: ShardAction, of shard: ShardID) {
    let (store, hosting) = (environment.store, environment.hosting)
    switch action {
    case .open(let epoch, let isReplicated): open(shard, epoch: epoch, isReplicated: isReplicated)
    case .close:
      outcomes.forget(shard)
      store.hide(shard)
      store.inner.closeShard(shard) {}
    case .drop(let epoch, let mayBeEmpty): drop(shard, epoch: epoch, mayBeEmpty: mayBeEmpty)
    case .confirm(let position):
      if outcomes.isHeld(shard) { store.show(shard, upTo: position) }
      outcomes.release(shard, upTo: position)
    case .failUnconfirmed(let reason): outcomes.end(shard, because: reason)
    case .serve(let epoch, let leaseEnd):
      nextTurn(of: shard)
      hosting.serve(shard, epoch: epoch, leaseEnd: leaseEnd)
      environment.consumers.start(shard)
    case .extendLease(let leaseEnd): hosting.extendLease(of: shard, to: leaseEnd)
    case .handOver: handOver(shard)
    case .giveUp(let reason):
      nextTurn(of: shard)
      hosting.giveUp(shard, because: reason)
      environment.consumers.giveUp(shard)
    case .send(let send): self.send(send, of: shard)
    case .read(let node, let after): read(shard, for: node, after: after)
    case .compare(let node, let end): compare(shard, with: node, at: end)
    case .fetch(let node, let after, let afterEpoch, let epoch):
      fetch(shard, from: node, after: after, afterEpoch: afterEpoch, epoch: epoch)
    case .report(let line): environment.logger.warning("\(line)")
    }
  }

  private func open(_ shard: ShardID, epoch: Epoch, isReplicated: Bool) {
    if machines[shard]?.phase == .opening { environment.hosting.expect(shard) }
    if isReplicated {
      outcomes.hold(shard)
      environment.store.cover(shard)
    } else if !outcomes.isHeld(shard) {
      environment.store.uncover(shard)
    }
    let leases = environment.leases
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    let eventLoop = eventLoop
    environment.store.inner.openShard(shard, epoch: epoch) { result in
      // Nothing of a lower epoch is answered from here on, so that no later promise counts.
      let promised = leases.end(of: shard, isReplicated: isReplicated)
      eventLoop.execute {
        own.value.step(shard) {
          $0.opened(result, epoch: epoch, promisedUntil: promised, now: $2, into: &$1)
        }
      }
    }
  }

  private func drop(_ shard: ShardID, epoch: Epoch, mayBeEmpty: Bool) {
    let (store, logger) = (environment.store.inner, environment.logger)
    environment.store.hide(shard)
    let drop: @Sendable () -> Void = {
      store.dropShard(shard, epoch: epoch) { result in
        switch result {
        case .success: logger.info("this node's copy of shard \(shard) is removed, as planned")
        case .failure(let error) where error.code == .staleEpoch: break
        case .failure(let error):
          logger.error("this node's copy of shard \(shard) cannot be removed: \(error)")
        }
      }
    }
    // A damaged copy goes before the new primary's first append is taken, and what an old primary has on its way to a copy
    // that was given up is refused.
    guard mayBeEmpty else { return drop() }
    environment.reader.submit { state in
      guard state == .active else { return }
      // Where there is nothing the disk is left in peace; what cannot be read is removed all the same.
      if let end = try? store.end(of: shard), end.position == .start { return }
      drop()
    }
  }

  private func handOver(_ shard: ShardID) {
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    let hosting = environment.hosting
    // What is known now goes with the last append.
    if dirtyConsumers.remove(shard) != nil { machines[shard]?.consumersMoved() }
    let turn = nextTurn(of: shard)
    environment.consumers.stop(shard) {
      // Consumers may take longer than the fence, and then the shard is served again.
      guard own.value.turns[shard] == turn else { return }
      hosting.handOver(shard) {
        own.value.step(shard) { machine, actions, now in
          guard own.value.turns[shard] == turn else { return }
          machine.handedOver(now: now, into: &actions)
        }
      }
    }
  }

  /// Whoever serves, hands over or gives up a shard ends what was begun before.
  @discardableResult
  private func nextTurn(of shard: ShardID) -> UInt64 {
    turns[shard, default: 0] += 1
    return turns[shard] ?? 0
  }

  private func send(_ send: CopySend, of shard: ShardID) {
    var consumers: [ConsumerID: ConsumerPosition] = [:]
    if send.includesConsumers {
      // A handful of records; without them the copy keeps older positions, which only repeat events.
      consumers = (try? environment.store.inner.consumerPositions(of: shard)) ?? [:]
    }
    outbox?.add(send, of: shard, consumers: consumers)
  }

  private func read(_ shard: ShardID, for node: NodeID, after: Position) {
    let (store, reader) = (environment.store.inner, environment.reader)
    let limit = environment.settings.pageBytes
    let (own, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
    let wait = environment.budget.take(limit, now: now)
    eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: wait))) {
      reader.submit { state in
        let result = Result { () throws(StoreError) in
          guard state == .active else { throw StoreError(.closed, "the node is stopping") }
          return try store.deltas(of: shard, after: after, byteLimit: limit).map {
            SealedDelta(position: $0.position, epoch: $0.epoch, bytes: $0.sealed(in: shard))
          }
        }
        eventLoop.execute {
          own.value.step(shard) { $0.read(result, for: node, now: $2, into: &$1) }
        }
      }
    }
  }

  private func compare(_ shard: ShardID, with node: NodeID, at end: ShardEnd) {
    let store = environment.store.inner
    let (own, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
    environment.reader.submit { state in
      let result = Result { () throws(StoreError) in
        guard state == .active else { throw StoreError(.closed, "the node is stopping") }
        return try store.epoch(of: shard, at: end.position)
      }
      eventLoop.execute {
        own.value.step(shard) { $0.compared(result, at: end, of: node, now: $2, into: &$1) }
      }
    }
  }

  private func fetch(
    _ shard: ShardID, from node: NodeID, after: Position, afterEpoch: Epoch, epoch: Epoch
  ) {
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    environment.fetcher.fetch(
      shard, from: node, after: after, afterEpoch: afterEpoch, epoch: epoch, on: eventLoop
    ) { result in
      own.value.step(shard) { $0.fetched(result, from: node, now: $2, into: &$1) }
    }
  }
}
