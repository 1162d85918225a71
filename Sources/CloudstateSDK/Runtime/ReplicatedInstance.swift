import CloudstateProtocol
import SwiftProtobuf

/// One activated replicated entity, without its Swift type. What it answers is for the sidecar, in order.
protocol ActiveReplicatedEntity {
  /// Takes a change that was made on another node.
  mutating func apply(_ delta: ReplicatedDelta) throws(EntityFault)
    -> [Cloudstate_Crdt_CrdtStreamOut]
  /// The value was deleted.
  mutating func delete()
  /// Decides a command.
  mutating func handle(_ command: Cloudstate_Command) throws(EntityFault)
    -> [Cloudstate_Crdt_CrdtStreamOut]
  /// The caller of a streamed command has gone away.
  mutating func cancel(_ commandID: Int64) throws(EntityFault) -> [Cloudstate_Crdt_CrdtStreamOut]
}

/// One activated replicated entity. Pure: no I/O, no clock.
///
/// Invariant: between messages the value is what the sidecar has of it, and settled; except for the
/// changes of a fresh value, which are told with the first reply that is no failure.
struct ReplicatedInstance<Entity: ReplicatedEntity>: ActiveReplicatedEntity {
  /// How many streams of one instance may be open at this node; more streamed commands fail.
  static var maximumStreams: Int { 10_000 }

  private typealias Output = Cloudstate_Crdt_CrdtStreamOut

  private struct OpenStream {
    let commandID: Int64
    let commandName: String
    let stream: StartedStream<Entity.State>
  }

  private var context: ReplicatedContext<Entity.State>
  private let behavior: ReplicatedBehavior<Entity.State>
  /// In the order of their commands.
  private var streams: [OpenStream] = []
  /// Whether the sidecar was never told of the value, which may have changes of its own.
  private(set) var isFresh: Bool
  /// The value is deleted for good; the sidecar closes the stream, and what it still sends is answered
  /// without changes.
  private(set) var isDeleted = false

  /// The value; for tests of entities.
  var state: Entity.State { context.state }

  /// Starts from what the sidecar has, or from a fresh value.
  init(
    entityID: String, value: ReplicatedDelta?, behavior: ReplicatedBehavior<Entity.State>
  ) throws(EntityFault) {
    let state = try EntityFault.converting { () throws(PayloadError) in
      try value.map { (delta) throws(PayloadError) in try Entity.State(delta) }
        ?? Entity.initialState(entityID: entityID)
    }
    self.context = ReplicatedContext(entityID: entityID, state: state)
    self.behavior = behavior
    self.isFresh = value == nil
  }

  mutating func apply(_ delta: ReplicatedDelta) throws(EntityFault)
    -> [Cloudstate_Crdt_CrdtStreamOut]
  {
    guard !isDeleted else { return [] }
    // Another node made the value before: what a fresh one holds was never there.
    context.state.rollBack()
    isFresh = false
    do { try context.state.apply(delta) } catch { throw EntityFault(error.description) }
    return try notify()
  }

  mutating func delete() {
    isDeleted = true
    context.state = Entity.initialState(entityID: context.entityID)
    for stream in streams { context.streamEnded(stream.commandName) }
    streams = []
  }

  mutating func handle(_ command: Cloudstate_Command) throws(EntityFault)
    -> [Cloudstate_Crdt_CrdtStreamOut]
  {
    if let handler = behavior.streamedCommands[command.name] {
      guard command.streamed else {
        throw EntityFault("'\(command.name)' streams its answers, but was called for one.")
      }
      return try open(command, handler)
    }
    guard let handler = behavior.commands[command.name] else {
      throw EntityFault("There is no OnCommand or OnStreamedCommand for '\(command.name)'.")
    }
    guard !command.streamed else {
      throw EntityFault("'\(command.name)' has one answer, but was called for a stream.")
    }
    let (outcome, output) = try run(command) { (context) throws(EntityFault) in
      try handler.decide(command.payload, &context)
    }
    var reply = output
    if case .success(let action) = outcome { reply.clientAction = action }
    return try finish(reply)
  }

  private mutating func open(
    _ command: Cloudstate_Command, _ handler: OnStreamedCommand<Entity.State>
  ) throws(EntityFault) -> [Cloudstate_Crdt_CrdtStreamOut] {
    guard !streams.contains(where: { $0.commandID == command.id }) else {
      throw EntityFault("Command \(command.id) came again, while its stream is open.")
    }
    let isFull = streams.count >= Self.maximumStreams
    let (outcome, output) = try run(command) {
      (context) throws(EntityFault) -> Result<StartedStream<Entity.State>, CommandFailure> in
      if isFull {
        return .failure(
          CommandFailure("Too many streams of '\(context.entityID)' are open. Try again later."))
      }
      return try handler.decide(command.payload, &context)
    }
    var reply = output
    guard case .success(let stream) = outcome else { return try finish(reply) }
    if let first = stream.first { reply.clientAction = first }
    let isOpen = stream.isOpen && !isDeleted
    reply.streamed = isOpen
    let outputs = try finish(reply)
    if isOpen {
      streams.append(
        OpenStream(commandID: command.id, commandName: command.name, stream: stream))
      context.streamOpened(command.name)
    }
    return outputs
  }

  mutating func cancel(_ commandID: Int64) throws(EntityFault) -> [Cloudstate_Crdt_CrdtStreamOut] {
    var response = Cloudstate_Crdt_CrdtStreamCancelledResponse()
    response.commandID = commandID
    var output = Output()
    // The stream may just have been ended from here; the sidecar waits for an answer nevertheless.
    guard let index = streams.firstIndex(where: { $0.commandID == commandID }) else {
      output.streamCancelledResponse = response
      return [output]
    }
    let cancelled = streams.remove(at: index)
    context.streamEnded(cancelled.commandName)
    context.begin(cancelled.commandName, metadata: Metadata())
    cancelled.stream.onCancel?(&context)
    if let fault = context.effects.fault { throw fault }
    response.sideEffects = context.effects.messages
    let action = try takeStateAction()
    if let action { response.stateAction = action }
    output.streamCancelledResponse = response
    return [output] + (action == nil ? [] : try notify())
  }

  /// Runs the handler of a command. A failed one leaves nothing behind.
  private mutating func run<Value>(
    _ command: Cloudstate_Command,
    _ decide: (inout ReplicatedContext<Entity.State>) throws(EntityFault)
      -> Result<Value, CommandFailure>
  ) throws(EntityFault) -> (Result<Value, CommandFailure>, Cloudstate_Crdt_CrdtReply) {
    // A fresh value must keep its changes; it is small, so that a copy is cheap.
    let before = isFresh ? context.state : nil
    context.begin(command.name, metadata: Metadata(command.metadata))
    let outcome = try decide(&context)
    if let fault = context.effects.fault { throw fault }
    var reply = Cloudstate_Crdt_CrdtReply()
    reply.commandID = command.id
    switch outcome {
    case .success:
      reply.sideEffects = context.effects.messages
      if let action = try takeStateAction() { reply.stateAction = action }
    case .failure(let failure):
      reply.clientAction.failure.commandID = command.id
      reply.clientAction.failure.description_p = failure.description
      if let before { context.state = before } else { context.state.rollBack() }
    }
    return (outcome, reply)
  }

  /// The reply, and what it means for the streams that are open.
  private mutating func finish(
    _ reply: Cloudstate_Crdt_CrdtReply
  ) throws(EntityFault) -> [Cloudstate_Crdt_CrdtStreamOut] {
    var output = Output()
    output.reply = reply
    return [output] + (reply.hasStateAction ? try notify() : [])
  }

  /// What the running command changed, as told to the sidecar from now on.
  private mutating func takeStateAction() throws(EntityFault) -> Cloudstate_Crdt_CrdtStateAction? {
    guard !isDeleted else {
      context.state.rollBack()
      return nil
    }
    var action = Cloudstate_Crdt_CrdtStateAction()
    action.writeConsistency = context.writeConsistency.message
    if context.isDeleted {
      action.delete = Cloudstate_Crdt_CrdtDelete()
      delete()
      return action
    }
    do {
      guard let change = try context.state.change() else { return nil }
      action.update = change.message
    } catch {
      throw EntityFault(error.description)
    }
    context.state.settle()
    isFresh = false
    return action
  }

  /// Asks each open stream what its caller gets, now that the value has changed.
  private mutating func notify() throws(EntityFault) -> [Cloudstate_Crdt_CrdtStreamOut] {
    var outputs: [Output] = []
    var ended: Set<Int64> = []
    for open in streams {
      guard let onChange = open.stream.onChange else { continue }
      var change = ReplicatedChange(state: context.state, entityID: context.entityID)
      let outcome = try sortingErrors(of: open.commandName) { try onChange(&change) }
      if let fault = change.effects.fault { throw fault }
      var message = Cloudstate_Crdt_CrdtStreamedMessage()
      message.commandID = open.commandID
      switch outcome {
      case .success(let action):
        if let action { message.clientAction = action }
        message.sideEffects = change.effects.messages
        message.endStream = change.isEnded
      case .failure(let failure):
        message.clientAction.failure.commandID = open.commandID
        message.clientAction.failure.description_p = failure.description
        message.endStream = true
      }
      if message.endStream { ended.insert(open.commandID) }
      guard message.hasClientAction || !message.sideEffects.isEmpty || message.endStream else {
        continue
      }
      var output = Output()
      output.streamedMessage = message
      outputs.append(output)
    }
    if !ended.isEmpty { end(ended) }
    return outputs
  }

  /// Forgets streams that were ended from here.
  private mutating func end(_ commandIDs: Set<Int64>) {
    for open in streams where commandIDs.contains(open.commandID) {
      context.streamEnded(open.commandName)
    }
    streams.removeAll { commandIDs.contains($0.commandID) }
  }
}

extension WriteConsistency {
  /// In the words of the protocol.
  fileprivate var message: Cloudstate_Crdt_CrdtWriteConsistency {
    switch self {
    case .local: .local
    case .majority: .majority
    case .all: .all
    }
  }
}
