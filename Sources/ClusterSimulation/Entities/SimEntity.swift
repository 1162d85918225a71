import CloudstateModel
import EntityRuntime
import ShardStore

/// The shell of one ``EntityMachine``: the product's `EntityInstance`.
final class SimEntity {
  let key: EntityKey
  let shard: SimHostedShard
  var isLeaving = false
  private unowned let host: SimHost
  private let process: SimProcess
  private var machine: EntityMachine
  private var lastActivity: UInt64
  private var stream: SimFunctionStream?
  private var incarnation: UInt64 = 0
  private var actions: [EntityAction] = []
  private var isPerforming = false

  init(_ key: EntityKey, in shard: SimHostedShard, of host: SimHost) {
    self.key = key
    self.shard = shard
    self.host = host
    process = host.process
    lastActivity = process.now
    machine = EntityMachine(kind: key.kind, shard: shard.id.index)
  }

  // MARK: What happens to the entity

  func receive(_ command: EntityCommand, ticket: CommandTicket) {
    step { $0.receive(command, ticket: ticket, now: $2, into: &$1) }
  }

  func committed(_ result: Result<Position, StoreError>) {
    step { $0.committed(result, now: $2, into: &$1) }
  }

  func handOver() { step { $0.handOver(now: $2, into: &$1) } }

  func giveUp(because reason: String) {
    step { $0.giveUp(because: reason, now: $2, into: &$1) }
  }

  func received(_ message: FunctionMessage) {
    let epoch = shard.epoch
    step { $0.received(message, epoch: epoch, now: $2, into: &$1) }
  }

  func ended(_ end: StreamEnd) { step { $0.streamEnded(end, now: $2, into: &$1) } }

  /// Ends what has lasted too long.
  func sweep(now: UInt64, commandLimit: UInt64, closeLimit: UInt64, passivationLimit: UInt64) {
    func isOver(_ since: UInt64, _ limit: UInt64) -> Bool { now > since && now - since >= limit }
    if let sentAt = machine.commandSentAt {
      if isOver(sentAt, commandLimit) {
        step {
          $0.commandTimedOut(into: &$1); _ = $2
        }
      }
    } else if let since = machine.recoveringSince {
      if isOver(since, commandLimit) {
        step {
          $0.recoveryTimedOut(into: &$1); _ = $2
        }
      }
    } else if machine.isClosing {
      if isOver(lastActivity, closeLimit) {
        step {
          $0.closeTimedOut(into: &$1); _ = $2
        }
      }
    } else if machine.isIdle, isOver(lastActivity, passivationLimit) {
      step {
        _ = $0.passivate(into: &$1)
        _ = $2
      }
    }
  }

  // MARK: Machine

  private func step(_ event: (inout EntityMachine, inout [EntityAction], UInt64) -> Void) {
    let now = process.now
    lastActivity = now
    event(&machine, &actions, now)
    guard !isPerforming else { return }
    isPerforming = true
    var index = 0
    while index < actions.count {
      perform(actions[index])
      index += 1
    }
    actions.removeAll(keepingCapacity: true)
    isPerforming = false
  }

  private func perform(_ action: EntityAction) {
    switch action {
    case .requestStream: step { $0.streamGranted(now: $2, into: &$1) }
    case .openStream:
      incarnation += 1
      stream = host.function.open(for: self)
    case .recover(let sequence): recover(after: sequence)
    case .sendInit(let snapshot): stream?.start(snapshot)
    case .sendEvents(let events): stream?.replay(events)
    case .lookUpKey(let name):
      let lookup = lookUp(name)
      step { $0.keyLookedUp(lookup, now: $2, into: &$1) }
    case .sendCommand(let id, let command): stream?.command(command, id: id)
    case .commit(let order): host.commit(order, of: self)
    case .complete(let ticket, let answer): host.complete(ticket, with: answer, in: shard)
    case .endStream: stream?.close()
    case .resetStream: stream?.reset()
    case .releaseStream: stream = nil
    case .declineStream: break
    case .report(let text): process.note("\(key.entityID): \(text)")
    case .retire: host.retire(self)
    }
  }

  // MARK: The store

  private func lookUp(_ name: String) -> KeyLookup {
    do throws(StoreError) {
      let store = host.run.store.store
      guard let record = try store.idempotencyRecord(name, of: key, in: shard.id) else {
        return .absent
      }
      guard var answer = AnswerCodec.answer(bytes: record.answer) else {
        return .failed(StoreError(.corruptRecord, "the answer is unreadable"))
      }
      answer.commitment?.position = record.position
      return .remembered(fingerprint: record.commandFingerprint, answer)
    } catch {
      return .failed(error)
    }
  }

  private func recover(after sequence: SequenceNumber?) {
    let incarnation = incarnation
    process.after(host.run.node.readLatency()) { [self] in
      guard self.incarnation == incarnation else { return }
      let page = Result { () throws(StoreError) in try readPage(after: sequence) }
      step { $0.recovered(page, now: $2, into: &$1) }
    }
  }

  private func readPage(after sequence: SequenceNumber?) throws(StoreError) -> RecoveryPage {
    let store = host.run.store.store
    let snapshot = sequence == nil ? try store.snapshot(of: key, in: shard.id) : nil
    if key.kind == .value { return RecoveryPage(snapshot: snapshot, events: [], hasMore: false) }
    let start = sequence ?? snapshot?.sequence ?? .none
    let events = try store.events(of: key, in: shard.id, after: start, byteLimit: 2048)
    var hasMore = false
    if let last = events.last {
      hasMore = try !store.events(of: key, in: shard.id, after: last.sequence, byteLimit: 0).isEmpty
    }
    return RecoveryPage(snapshot: snapshot, events: events, hasMore: hasMore)
  }
}
