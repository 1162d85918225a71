import CloudstateProtocol
public import SwiftProtobuf

/// Runs one instance of a replicated entity in a test, without server and sidecar: commands, streams, and
/// what happens on other nodes.
///
/// ```swift
/// var visits = try ReplicatedEntityTester<Visits>()
/// let watch = try visits.open("Watch", Page(), returning: Count.self)
/// try visits.send("Count", Visit())
/// try visits.receive { $0.increment(by: 2) }
/// #expect(visits.state.value == 3)
/// #expect(try visits.read(watch).replies.map(\.visits) == [0, 1, 3])
/// ```
public struct ReplicatedEntityTester<Entity: ReplicatedEntity>: CommandTester {
  private let entityID: String
  private let behavior: ReplicatedBehavior<Entity.State>
  private var instance: ReplicatedInstance<Entity>
  private var lastCommandID: Int64 = 0
  private var unread: [Int64: [Cloudstate_Crdt_CrdtStreamedMessage]] = [:]

  /// What the last command came to.
  public private(set) var outcome = TesterOutcome()

  /// Whether the last command, or cancellation, has changed the value and not deleted it.
  public private(set) var wasChanged = false

  /// Whether the value is deleted, here or on another node.
  public var isDeleted: Bool { instance.isDeleted }

  /// How many nodes were to confirm the last change, or deletion.
  public private(set) var writeConsistency = WriteConsistency.local

  /// An instance that no node knows yet.
  public init(entityID: String = "test") throws {
    self.entityID = entityID
    let behavior = Entity.behavior
    self.behavior = behavior
    self.instance = try TesterFault.converting { () throws(EntityFault) in
      try ReplicatedInstance(entityID: entityID, value: nil, behavior: behavior)
    }
  }

  /// The value.
  public var state: Entity.State { instance.state }

  /// Runs a command; what it came to is then in ``outcome``.
  public mutating func run<Command: Message>(
    _ name: String, _ command: Command, metadata: Metadata
  ) throws {
    guard try !handle(name, command, metadata).streamed else {
      throw TesterFault(description: "\(name) keeps its stream open: call it with open.")
    }
  }

  // MARK: Other nodes

  /// Another node has changed the value. For a vote see ``receiveVotes(votesFor:totalVoters:)``.
  public mutating func receive(_ change: (inout Entity.State) throws -> Void) throws {
    var other = state
    // What a fresh instance made of itself is only here.
    other.rollBack()
    try change(&other)
    guard let delta = try other.change() else { return }
    if case .vote = delta.message.delta {
      throw TesterFault(description: "Only a node itself can vote: call receiveVotes.")
    }
    try apply(delta)
  }

  /// The instance ends, as at the end of the program, and starts anew from what the sidecar has. Streams
  /// are gone without notice.
  public mutating func restart() throws {
    unread = [:]
    instance = try TesterFault.converting { () throws(EntityFault) in
      try ReplicatedInstance(entityID: entityID, value: known(), behavior: behavior)
    }
  }

  /// What the sidecar has of the value; `nil` if it was never told.
  private func known() throws(EntityFault) -> ReplicatedDelta? {
    guard !instance.isFresh else { return nil }
    var message = try EntityFault.converting { () throws(PayloadError) in
      try state.whole().message
    }
    // The one thing that an entity does not tell.
    if let vote = state as? Vote { message.vote = vote.counted }
    return ReplicatedDelta(message)
  }

  /// Another node has deleted the value: all streams end.
  public mutating func receiveDeletion() { instance.delete() }

  private mutating func apply(_ delta: ReplicatedDelta) throws {
    collect(
      try TesterFault.converting { () throws(EntityFault) in try instance.apply(delta) })
  }

  // MARK: Streams

  /// Calls a streamed command.
  ///
  /// Throws as ``CommandTester/run(_:_:metadata:)``, and ``TesterFault`` if the stream is not kept open.
  public mutating func open<Command: Message, Reply: Message>(
    _ name: String, _ command: Command, metadata: Metadata = Metadata(), returning: Reply.Type
  ) throws -> TesterStream<Reply> {
    let reply = try handle(name, command, metadata)
    guard reply.streamed else {
      throw TesterFault(description: "\(name) keeps no stream open: call it with send.")
    }
    var first = Cloudstate_Crdt_CrdtStreamedMessage()
    if reply.hasClientAction { first.clientAction = reply.clientAction }
    unread[reply.commandID] = [first]
    return TesterStream(commandID: reply.commandID)
  }

  /// What the caller of a stream got since it was last read.
  public mutating func read<Reply: Message>(
    _ stream: TesterStream<Reply>
  ) throws -> TesterStream<Reply>.Messages {
    defer { unread[stream.commandID] = [] }
    return try TesterStream.Messages(unread[stream.commandID] ?? [])
  }

  /// The caller of a stream goes away.
  public mutating func cancel(_ stream: TesterStream<some Message>) throws {
    unread[stream.commandID] = nil
    outcome = TesterOutcome()
    let outputs = try TesterFault.converting { () throws(EntityFault) in
      try instance.cancel(stream.commandID)
    }
    collect(outputs)
    let response = outputs.first?.streamCancelledResponse ?? .init()
    outcome = TesterOutcome(action: .init(), sideEffects: response.sideEffects)
    note(response.hasStateAction ? response.stateAction : nil)
  }

  // MARK: -

  private mutating func handle<Command: Message>(
    _ name: String, _ command: Command, _ metadata: Metadata
  ) throws -> Cloudstate_Crdt_CrdtReply {
    guard !isDeleted else {
      throw TesterFault(description: "The value is deleted: no more commands come for it.")
    }
    lastCommandID += 1
    outcome = TesterOutcome()
    wasChanged = false
    let outputs = try TesterFault.converting { () throws(EntityFault) in
      var message = try Cloudstate_Command(
        name, command, metadata, id: lastCommandID, entityID: entityID)
      message.streamed = behavior.streamedCommands[name] != nil
      return try instance.handle(message)
    }
    collect(outputs)
    let reply = outputs.first?.reply ?? .init()
    if case .failure(let failure) = reply.clientAction.action {
      throw CommandFailure(failure.description_p)
    }
    outcome = TesterOutcome(action: reply.clientAction, sideEffects: reply.sideEffects)
    note(reply.hasStateAction ? reply.stateAction : nil)
    return reply
  }

  private mutating func collect(_ outputs: [Cloudstate_Crdt_CrdtStreamOut]) {
    for case .streamedMessage(let message) in outputs.map(\.message) {
      unread[message.commandID, default: []].append(message)
    }
  }

  private mutating func note(_ action: Cloudstate_Crdt_CrdtStateAction?) {
    if case .update = action?.action { wasChanged = true } else { wasChanged = false }
    writeConsistency =
      switch action?.writeConsistency {
      case .majority: .majority
      case .all: .all
      case .local, .UNRECOGNIZED, nil: .local
      }
  }
}

extension ReplicatedEntityTester where Entity.State == Vote {
  /// Other nodes have voted, or came and went.
  ///
  /// - Parameter votesFor: How many nodes say yes, with this one.
  public mutating func receiveVotes(votesFor: Int, totalVoters: Int) throws {
    var change = state.counted
    change.votesFor = Int32(clamping: votesFor)
    change.totalVoters = Int32(clamping: totalVoters)
    try apply(ReplicatedDelta(.vote(change)))
  }
}

extension Vote {
  /// As a sidecar tells it.
  fileprivate var counted: Cloudstate_Crdt_VoteDelta {
    var change = Cloudstate_Crdt_VoteDelta()
    change.selfVote = selfVote
    change.votesFor = Int32(clamping: votesFor)
    change.totalVoters = Int32(clamping: totalVoters)
    return change
  }
}

/// An open call of a streamed command under test.
public struct TesterStream<Reply: Message>: Sendable {
  let commandID: Int64

  /// What its caller got.
  public struct Messages: Sendable {
    /// In order.
    public private(set) var replies: [Reply] = []
    /// The side effects that came with messages, in order.
    public private(set) var effects: [SentCommand] = []
    /// Whether the entity ended the stream.
    public private(set) var isEnded = false
    /// The failure that ended the stream.
    public private(set) var failure: CommandFailure?

    init(_ messages: [Cloudstate_Crdt_CrdtStreamedMessage]) throws {
      for message in messages {
        effects += message.sideEffects.map { SentCommand($0) }
        isEnded = isEnded || message.endStream
        switch message.clientAction.action {
        case .reply:
          let outcome = TesterOutcome(action: message.clientAction, sideEffects: [])
          replies.append(try outcome.reply(Reply.self))
        case .failure(let failure): self.failure = CommandFailure(failure.description_p)
        case .forward, nil: break
        }
      }
    }
  }
}
