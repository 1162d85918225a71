package import CloudstateModel
import DequeModule
import ShardStore

/// The life of one event sourced or value entity (proxy behaviour, sections 7 and 8) as a value: events in,
/// actions out.
///
/// ```
///             command               granted              journal read
///   dormant ----------> waiting ------------> recovering -------------> active
///      ^                                          |  stream lost,         |  idle, restart, crash,
///      |    all batches          stream ended     v  read error           v  stop, hand-over
///      +------------- settling <--------------- closing <-----------------+
/// ```
///
/// *Pipelining* (design section 5.3): when a reply has come, its batch goes to the store and the next
/// command to the function at once. Answers are held in `releases` and given out in order, each when the
/// batches submitted before it are durable; an answer without events waits for all earlier batches,
/// because it was decided on their state. When a batch fails, everything decided after it is void: all
/// waiting callers get an error, the stream is dropped, and the next command starts from the journal.
///
/// A new stream is opened only after the old one has ended and every submitted batch has an outcome, so
/// recovery always reads a journal that holds still.
///
/// A value entity differs in little: each change replaces the state, so it is stored as an event together
/// with the same snapshot, and recovery needs the snapshot only. Texts of crashes have words of their own.
package struct EntityMachine: Sendable {
  /// Bounds of one entity.
  package struct Limits: Sendable {
    /// Commands waiting behind the one at the function; more are refused.
    package var queuedCommands = 1_000
    /// Batches submitted and not yet durable; at this many the next command waits.
    package var uncommittedBatches = 256
    /// Commands an entity may handle before it makes room for others that wait for a stream.
    package var commandsPerTurn = 64

    package init() {}
  }

  enum Phase: Equatable {
    /// No stream and no work. Next: waiting.
    case dormant
    /// Wants a stream. Next: recovering, or dormant when the machine is told to stop.
    case waiting
    /// The stream is open and the journal is being replayed. Next: active, closing.
    case recovering
    /// Commands flow. Next: closing.
    case active
    /// The stream was half-closed or reset. Next: settling.
    case closing
    /// The stream has ended, batches have not. Next: dormant.
    case settling
  }

  struct QueuedCommand {
    let ticket: CommandTicket
    let command: EntityCommand
  }

  enum Outstanding {
    case none
    /// Waits for the answer of a key lookup.
    case checkingKey(QueuedCommand)
    case atFunction(id: Int64, QueuedCommand)
  }

  /// An answer that waits until the first `batches` submitted batches are durable.
  struct Release {
    let ticket: CommandTicket
    var answer: CommandAnswer
    let batches: UInt64
    /// The batch whose position belongs into the answer, counted from the first.
    let positionBatch: UInt64?
  }

  struct UndurableAnswer {
    let remembered: RememberedAnswer
    let batch: UInt64
  }

  package let kind: StatefulKind
  package let limits: Limits
  let shard: UInt32
  var phase = Phase.dormant
  var queue: Deque<QueuedCommand> = []
  var outstanding = Outstanding.none
  var releases: Deque<Release> = []
  /// Answers under idempotency keys whose batch is submitted but not durable, so that a repeated command
  /// that comes too early for the store's record is recognised all the same.
  var undurableAnswers: [String: UndurableAnswer] = [:]
  /// The last sequence submitted or replayed.
  var lastSequence = SequenceNumber.none
  /// The id of the last command sent on this stream.
  var lastCommandID: Int64 = 0
  var commandsThisTurn = 0
  var submittedBatches: UInt64 = 0
  /// Whether the batches that have no outcome yet hold events, the oldest first.
  var unsettledBatchesHoldEvents: Deque<Bool> = []
  var settledBatches: UInt64 = 0
  var hasSentInit = false
  /// Open the next stream without waiting for a command (proxy behaviour, section 7.4).
  var reopensEagerly = false
  var isStopping = false
  /// The shard leaves this node: nothing more is begun.
  var isHandingOver = false
  /// The shard has left this node. What the store or the function still say means nothing.
  var isGivenUp = false
  /// When the outstanding command went to the function, on the clock of `now` arguments.
  package private(set) var commandSentAt: UInt64?
  /// When recovery began or last got on, on the same clock.
  package var recoveringSince: UInt64? { phase == .recovering ? recoveryProgressAt : nil }
  var recoveryProgressAt: UInt64 = 0

  package init(
    kind: StatefulKind = .eventSourced, shard: UInt32, limits: Limits = Limits()
  ) {
    self.kind = kind
    self.shard = shard
    self.limits = limits
  }

  /// Whether the stream is open and nothing is asked of it: the entity may be passivated.
  package var isIdle: Bool {
    guard phase == .active, queue.isEmpty, case .none = outstanding else { return false }
    return true
  }

  package var isClosing: Bool { phase == .closing }
  package var isRetired: Bool { phase == .dormant && queue.isEmpty && !reopensEagerly }
  package var queuedCount: Int { queue.count }

  // MARK: Commands in

  /// A command has come for the entity.
  package mutating func receive(
    _ command: EntityCommand, ticket: CommandTicket, now: UInt64, into actions: inout [EntityAction]
  ) {
    guard !isStopping else {
      actions.append(.complete(ticket, .error(Self.stopping)))
      return
    }
    guard !isHandingOver else {
      actions.append(.complete(ticket, .error(Self.leaving)))
      return
    }
    guard queue.count < limits.queuedCommands else {
      actions.append(
        .complete(
          ticket,
          .error(
            CommandError(
              .overloaded,
              "\(queue.count) commands already wait for this entity; slow down and retry"))))
      return
    }
    queue.append(QueuedCommand(ticket: ticket, command: command))
    advance(now: now, into: &actions)
  }

  /// Does what can be done now: starts the next command, or takes the next step between phases.
  mutating func advance(
    now: UInt64, contended: Bool = false, into actions: inout [EntityAction]
  ) {
    switch phase {
    case .dormant:
      if queue.isEmpty && !reopensEagerly {
        actions.append(.retire)
      } else {
        phase = .waiting
        actions.append(.requestStream)
      }
    case .active:
      startNext(now: now, contended: contended, into: &actions)
    case .waiting, .recovering, .closing, .settling:
      break
    }
  }

  private mutating func startNext(
    now: UInt64, contended: Bool, into actions: inout [EntityAction]
  ) {
    while case .none = outstanding {
      if contended && commandsThisTurn >= limits.commandsPerTurn {
        close(gracefully: true, into: &actions)
        return
      }
      guard submittedBatches - settledBatches < UInt64(limits.uncommittedBatches) else { return }
      guard let next = queue.popFirst() else {
        if isStopping || isHandingOver { close(gracefully: true, into: &actions) }
        return
      }
      if let deadline = next.command.deadline, deadline <= now {
        actions.append(
          .complete(
            next.ticket,
            .error(CommandError(.timeout, "the caller's deadline passed while it was queued"))))
        continue
      }
      guard let key = next.command.idempotencyKey else {
        send(next, now: now, into: &actions)
        return
      }
      if let early = undurableAnswers[key] {
        releaseRemembered(
          early.remembered.fingerprint, early.remembered.answer, batch: early.batch, to: next,
          into: &actions)
        continue
      }
      outstanding = .checkingKey(next)
      actions.append(.lookUpKey(key))
      return
    }
  }

  private mutating func send(
    _ next: QueuedCommand, now: UInt64, into actions: inout [EntityAction]
  ) {
    lastCommandID += 1
    outstanding = .atFunction(id: lastCommandID, next)
    commandSentAt = now
    actions.append(.sendCommand(id: lastCommandID, next.command))
  }

  /// The store was asked for a remembered answer.
  package mutating func keyLookedUp(
    _ lookup: KeyLookup, now: UInt64, into actions: inout [EntityAction]
  ) {
    guard case .checkingKey(let next) = outstanding else { return }
    outstanding = .none
    switch lookup {
    case .absent:
      send(next, now: now, into: &actions)
    case .remembered(let fingerprint, let answer):
      releaseRemembered(fingerprint, answer, batch: nil, to: next, into: &actions)
      advance(now: now, into: &actions)
    case .failed(let error):
      actions.append(
        .complete(next.ticket, .error(CommandError(.recoveryFailed, error.message))))
      advance(now: now, into: &actions)
    }
  }

  private mutating func releaseRemembered(
    _ fingerprint: UInt64, _ answer: CommandAnswer, batch: UInt64?, to next: QueuedCommand,
    into actions: inout [EntityAction]
  ) {
    guard fingerprint == next.command.fingerprint else {
      actions.append(
        .complete(
          next.ticket,
          .error(
            CommandError(
              .idempotencyKeyReused,
              "the idempotency key was used before with another command; use a fresh key"))))
      return
    }
    var duplicate = answer
    duplicate.commitment?.isDuplicate = true
    if duplicate.commitment == nil {
      duplicate.commitment = Commitment(
        shard: shard, position: .start, epoch: .none, firstSequence: .none, eventCount: 0,
        isDuplicate: true)
    }
    release(duplicate, to: next.ticket, positionBatch: batch, into: &actions)
  }

  // MARK: Answers out

  mutating func release(
    _ answer: CommandAnswer, to ticket: CommandTicket, positionBatch: UInt64? = nil,
    into actions: inout [EntityAction]
  ) {
    if submittedBatches == settledBatches {
      actions.append(.complete(ticket, answer))
    } else {
      releases.append(
        Release(
          ticket: ticket, answer: answer, batches: submittedBatches, positionBatch: positionBatch))
    }
  }

  /// Ends the current command's turn at the function and answers who asked.
  mutating func takeOutstanding() -> QueuedCommand? {
    defer {
      outstanding = .none
      commandSentAt = nil
    }
    switch outstanding {
    case .none: return nil
    case .checkingKey(let command), .atFunction(_, let command): return command
    }
  }

  mutating func failQueue(_ error: CommandError, into actions: inout [EntityAction]) {
    while let next = queue.popFirst() {
      actions.append(.complete(next.ticket, .error(error)))
    }
  }
}
