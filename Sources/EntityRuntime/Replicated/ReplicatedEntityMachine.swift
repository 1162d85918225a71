package import CloudstateModel
import DequeModule
package import ReplicatedData

/// The life of one replicated entity on one node (proxy behaviour, section 9) as a value: events in, actions out.
///
/// ```
///            command              copy held               granted
///   dormant ----------> opening ------------> waiting -------------> active
///      ^                   |  deleted                                   |  idle, stop, crash
///      |                   v                                            v
///      +---------------- deleted <------- deletion --------- closing <--+   (back to dormant at its end)
/// ```
///
/// The copy belongs to the replication; the machine keeps the function's copy in step with it. While commands or
/// cancellations are outstanding with the function it may be changing its copy, so it is told nothing; as soon
/// as none is, it gets the difference.
///
/// *Answers* leave in order, each when the changes made before it are durable on this node, because it was
/// decided on them; and those of a change with a higher consistency when enough nodes have confirmed it. An answer
/// that waits for other nodes holds up only what follows it on its own call.
package struct ReplicatedEntityMachine: Sendable {
  /// Bounds of one entity.
  package struct Limits: Sendable {
    /// Commands that are outstanding with the function, and answers that wait for disks and other nodes; more
    /// commands wait.
    package var outstandingCommands = 1_000
    /// Commands that wait; more are refused.
    package var queuedCommands = 1_000
    /// Streamed commands that are open; more are refused.
    package var openStreams = 10_000

    package init() {}
  }

  enum Phase: Equatable {
    /// No stream and no work.
    case dormant
    /// The copy is being brought into step.
    case opening
    /// Wants a stream.
    case waiting
    /// Commands flow.
    case active
    /// The stream was half-closed or reset and has not ended.
    case closing
    /// The entity does not exist any more. The stream may still be ending.
    case deleted
  }

  struct QueuedCommand {
    let ticket: CommandTicket
    let command: EntityCommand
    let isStreamed: Bool
  }

  /// A command that the function has got.
  struct OpenCall {
    enum Stage: Equatable {
      /// The function owes its first answer.
      case awaitingReply
      /// The function may send more.
      case streaming
      /// The client has gone, and the function owes its answer to that.
      case cancelling
    }

    let ticket: CommandTicket
    let command: EntityCommand
    let isStreamed: Bool
    var stage = Stage.awaitingReply
    /// The client left before the first answer.
    var isAbandoned = false
    /// When the function was last asked for something.
    var askedAt: UInt64
  }

  package let limits: Limits
  var phase = Phase.dormant
  var queue: Deque<QueuedCommand> = []
  var calls: [Int64: OpenCall] = [:]
  var commandIDs: [CommandTicket: Int64] = [:]
  /// Answers of the function, and answers to cancellations, that are outstanding.
  var outstanding = 0
  var openStreams = 0
  /// Commands that the function failed while their cancellation was under way. It may answer that too.
  var failedCancellations: Set<Int64> = []
  var lastCommandID: Int64 = 0
  var mirror = FunctionMirror()
  /// Answers whose changes are about to be made; `nil` once nobody waits for them. The changes count all the
  /// same.
  var writing: Deque<PendingReply?> = []
  /// Counts the changes that were made.
  package internal(set) var lastWrite: UInt64 = 0
  var durableWrites: UInt64 = 0
  var outbox = ReplyOutbox()
  var holdsCopy = false
  /// The copy may say something else than the function's.
  var mayDiffer = false
  /// The stream is open, in whatever state.
  var hasStream = false
  var isDeleted = false
  var isStopping = false
  /// It has been forgotten. Outcomes of its changes may still come.
  var isRetired = false

  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Whether all that was decided is durable and told. Until then the entity stays, or the next one would tell its
  /// callers of changes that are not durable yet.
  var isSettled: Bool { outbox.isEmpty && durableWrites == lastWrite }

  /// Whether the entity may be put away.
  package var isIdle: Bool {
    switch phase {
    case .active: calls.isEmpty && queue.isEmpty && isSettled
    case .deleted: !hasStream && calls.isEmpty && isSettled
    default: false
    }
  }

  package var isClosing: Bool { phase == .closing || (phase == .deleted && hasStream) }

  /// When the function was asked for what it has owed longest. Grows with the number of calls.
  package var oldestRequestAt: UInt64? {
    guard phase == .active, outstanding > 0 else { return nil }
    return calls.values.lazy.filter { $0.stage != .streaming }.map(\.askedAt).min()
  }

  // MARK: From callers

  /// A command has come for the entity.
  package mutating func receive(
    _ command: EntityCommand, ticket: CommandTicket, isStreamed: Bool, now: UInt64,
    into actions: inout [ReplicatedAction]
  ) {
    if isStopping {
      actions.append(.tell(ticket, .end(EntityMachine.stopping)))
      return
    }
    if phase == .deleted || isDeleted {
      actions.append(.tell(ticket, .end(Self.deleted)))
      return
    }
    guard queue.count < limits.queuedCommands,
      !isStreamed || openStreams < limits.openStreams
    else {
      actions.append(
        .tell(
          ticket,
          .end(
            CommandError(
              .overloaded,
              "too many commands or streams are open with this entity; slow down and retry"))))
      return
    }
    if isStreamed { openStreams += 1 }
    queue.append(QueuedCommand(ticket: ticket, command: command, isStreamed: isStreamed))
    advance(now: now, into: &actions)
  }

  /// The client of a streamed command has gone. It hears nothing more.
  package mutating func callerLeft(
    _ ticket: CommandTicket, now: UInt64, into actions: inout [ReplicatedAction]
  ) {
    outbox.forget(ticket)
    if let index = queue.firstIndex(where: { $0.ticket == ticket }) {
      if queue.remove(at: index).isStreamed { openStreams -= 1 }
      return
    }
    guard let id = commandIDs[ticket], var call = calls[id] else { return }
    switch call.stage {
    case .awaitingReply:
      // Only an accepted stream is cancelled, once: see what the function answers.
      call.isAbandoned = true
      calls[id] = call
    case .streaming:
      cancel(id, call, now: now, into: &actions)
    case .cancelling:
      break
    }
  }

  mutating func cancel(
    _ id: Int64, _ call: OpenCall, now: UInt64, into actions: inout [ReplicatedAction]
  ) {
    guard phase == .active else { return finish(id) }
    var call = call
    call.stage = .cancelling
    call.askedAt = now
    calls[id] = call
    outstanding += 1
    actions.append(.sendCancellation(id: id))
  }

  /// Nothing more is expected of a call.
  mutating func finish(_ id: Int64) {
    guard let call = calls.removeValue(forKey: id) else { return }
    commandIDs[call.ticket] = nil
    if call.isStreamed { openStreams -= 1 }
  }

  // MARK: Life

  /// Does what can be done now: sends commands, or takes the next step between phases.
  mutating func advance(now: UInt64, into actions: inout [ReplicatedAction]) {
    switch phase {
    case .dormant:
      if queue.isEmpty {
        retireIfSettled(into: &actions)
      } else if holdsCopy {
        phase = .waiting
        actions.append(.requestStream)
      } else {
        phase = .opening
        actions.append(.openCopy)
      }
    case .active:
      // Answers that wait count: what waits for other nodes must not grow without bound.
      while outstanding + outbox.count < limits.outstandingCommands, let next = queue.popFirst() {
        send(next, now: now, into: &actions)
      }
      stopIfDone(into: &actions)
    case .opening, .waiting, .closing, .deleted:
      break
    }
  }

  private mutating func send(
    _ next: QueuedCommand, now: UInt64, into actions: inout [ReplicatedAction]
  ) {
    if let deadline = next.command.deadline, deadline <= now {
      if next.isStreamed { openStreams -= 1 }
      outbox.add(
        .end(CommandError(.timeout, "the caller's deadline passed while it was queued")),
        to: next.ticket, after: lastWrite)
      return release(into: &actions)
    }
    lastCommandID += 1
    calls[lastCommandID] = OpenCall(
      ticket: next.ticket, command: next.command, isStreamed: next.isStreamed, askedAt: now)
    commandIDs[next.ticket] = lastCommandID
    outstanding += 1
    actions.append(
      .sendCommand(id: lastCommandID, next.command, isStreamed: next.isStreamed))
  }

  /// The copy is held, or cannot be.
  package mutating func copyOpened(
    _ result: Result<Void, CommandError>, isDeleted: Bool, now: UInt64,
    into actions: inout [ReplicatedAction]
  ) {
    guard phase == .opening else { return }
    switch result {
    case .failure(let error):
      phase = .dormant
      failQueue(error, into: &actions)
      retireIfSettled(into: &actions)
    case .success:
      holdsCopy = true
      if isDeleted {
        becomeDeleted(into: &actions)
        if isStopping { _ = passivate(into: &actions) }
      } else {
        phase = .dormant
        advance(now: now, into: &actions)
      }
    }
  }

  /// The machine may open a stream now.
  package mutating func streamGranted(now: UInt64, into actions: inout [ReplicatedAction]) {
    guard phase == .waiting else {
      actions.append(.declineStream)
      return
    }
    hasStream = true
    lastCommandID = 0
    failedCancellations.removeAll()
    mirror = FunctionMirror()
    mayDiffer = false
    actions.append(.openStream)
    actions.append(.introduce)
  }

  /// No stream is to be had: too many entities wait already.
  package mutating func streamDenied(
    _ error: CommandError, now: UInt64, into actions: inout [ReplicatedAction]
  ) {
    guard phase == .waiting else { return }
    phase = .dormant
    failQueue(error, into: &actions)
    advance(now: now, into: &actions)
  }

  /// The stream is open; `copy` is what its function starts with.
  package mutating func introduced(
    to copy: ReplicatedEntityState?, in electorate: Electorate, now: UInt64,
    into actions: inout [ReplicatedAction]
  ) {
    guard phase == .waiting, hasStream else { return }
    switch copy {
    case .deleted:
      // Deleted since the copy was opened: the function never hears of it.
      actions.append(.resetStream)
      becomeDeleted(into: &actions)
    case .live(let value):
      phase = .active
      // Nothing can be incompatible with no value.
      let initial = (try? mirror.catchUp(with: value, in: electorate)) ?? nil
      actions.append(.sendInit(initial))
      advance(now: now, into: &actions)
    case nil:
      phase = .active
      actions.append(.sendInit(nil))
      advance(now: now, into: &actions)
    }
  }

  // MARK: Changes elsewhere

  /// The copy changed, or the members did.
  package mutating func copyChanged(into actions: inout [ReplicatedAction]) {
    mayDiffer = true
    compareIfQuiet(into: &actions)
  }

  func compareIfQuiet(into actions: inout [ReplicatedAction]) {
    if mayDiffer, phase == .active, outstanding == 0 { actions.append(.catchUp) }
  }

  /// Tells the function what is new in the copy.
  package mutating func compared(
    with copy: ReplicatedEntityState?, in electorate: Electorate,
    into actions: inout [ReplicatedAction]
  ) {
    // A command may have gone out since the comparison was asked for.
    guard phase == .active, outstanding == 0 else { return }
    mayDiffer = false
    switch copy {
    case nil: break
    case .deleted:
      actions.append(.sendDelete)
      actions.append(.endStream)
      becomeDeleted(into: &actions)
    case .live(let value):
      let isFirst = mirror.value == nil
      do throws(IncompatibleChange) {
        if let delta = try mirror.catchUp(with: value, in: electorate) {
          actions.append(.sendDelta(delta, isFirst: isFirst))
        }
      } catch {
        terminate("the value changed in a way that cannot be told: \(error)", into: &actions)
      }
    }
  }

  // MARK: Time

  /// The entity has been idle long enough, or its stream is wanted elsewhere.
  ///
  /// - Returns: whether the entity agreed.
  package mutating func passivate(into actions: inout [ReplicatedAction]) -> Bool {
    guard isIdle else { return false }
    if phase == .deleted {
      phase = .dormant
      retireIfSettled(into: &actions)
    } else {
      phase = .closing
      actions.append(.endStream)
    }
    return true
  }

  /// The function has not answered in the time a command may take.
  package mutating func answerOverdue(
    before limit: UInt64, into actions: inout [ReplicatedAction]
  ) {
    guard phase == .active else { return }
    let overdue = calls.filter { $0.value.stage != .streaming && $0.value.askedAt <= limit }
    guard !overdue.isEmpty else { return }
    for (id, call) in overdue.sorted(by: { $0.key < $1.key }) where call.stage == .awaitingReply {
      tell(
        .end(CommandError(.timeout, "the user function did not answer the command in time")),
        call)
      finish(id)
    }
    terminate("the function did not answer in time", into: &actions)
  }

  /// The function has not closed its side after the half-close in time.
  package mutating func closeOverdue(into actions: inout [ReplicatedAction]) {
    if isClosing { actions.append(.resetStream) }
  }

  /// The node gives the entity up: what it was asked is answered, open streams end, then it ends.
  package mutating func stop(now: UInt64, into actions: inout [ReplicatedAction]) {
    isStopping = true
    switch phase {
    case .active, .dormant:
      advance(now: now, into: &actions)
    case .deleted:
      _ = passivate(into: &actions)
    case .opening, .waiting, .closing:
      break
    }
  }

  private mutating func stopIfDone(into actions: inout [ReplicatedAction]) {
    guard isStopping, phase == .active, queue.isEmpty, outstanding == 0 else { return }
    endStreams(into: &actions)
    phase = .closing
    actions.append(.endStream)
  }

  // MARK: Texts

  static let terminating = CommandError(.entityTerminated, "Entity terminating")
  static let deleted = CommandError(.entityDeleted, "Entity deleted")
  static let inconsistent = CommandError(
    .consistencyNotReached, "Failed to update CRDT at requested write consistency")
}
