import CloudstateProtocol
public import SwiftProtobuf

/// How many nodes confirm a change before the caller is answered.
public enum WriteConsistency: Hashable, Sendable {
  /// This one; the others follow.
  case local
  /// More than half of them.
  case majority
  /// All of them.
  case all
}

/// What a command handler of a replicated entity sees and may do. Valid while the handler runs.
public struct ReplicatedContext<State: ReplicatedValue> {
  /// The value with all changes of the running command. Change it in place: it knows what changed, which
  /// another value in its place does not.
  public var state: State

  /// The instance that the command is for.
  public let entityID: String

  /// The short name of the method that was called.
  public private(set) var commandName = ""

  /// Request headers, as far as the sidecar passes them on.
  public private(set) var metadata = Metadata()

  /// How many nodes confirm the change of the running command. If they do not in time, the caller gets a
  /// failure; the change has happened nevertheless. Default for each command: this node alone.
  public var writeConsistency = WriteConsistency.local

  /// Whether the running command deletes the value.
  private(set) var isDeleted = false
  /// The side effects of the running command.
  private(set) var effects = OutgoingEffects()
  /// The number of open streams on this node, by the names of their commands.
  private var openStreams: [String: Int] = [:]

  init(entityID: String, state: State) {
    self.entityID = entityID
    self.state = state
  }

  /// How many calls of a streamed command are open at this node, without the running one.
  ///
  /// - Parameter command: The short name of the method.
  public func openStreams(of command: String) -> Int { openStreams[command] ?? 0 }

  /// Deletes the value, on all nodes and for good: an instance with this id can never be used again.
  /// Takes the place of all changes of the command, and ends the streams of all callers.
  public mutating func delete() { isDeleted = true }

  /// Adds a command for another service of the same server, sent once the change of this command is
  /// made. Its result never changes the result of this command; if this command fails, it is not sent.
  ///
  /// - Parameters:
  ///   - target: The method, such as `"example.Mail/Send"`. A name of another form breaks the stream
  ///     with a message that says so.
  ///   - synchronous: Whether the caller gets its answer only after the effect is done.
  public mutating func effect<Command: Message>(
    to target: ServiceMethod, _ command: Command, synchronous: Bool = false,
    metadata: Metadata = Metadata()
  ) {
    effects.add(command, to: target, synchronous: synchronous, metadata: metadata)
  }

  /// Forgets the previous command and starts the next.
  mutating func begin(_ commandName: String, metadata: Metadata) {
    self.commandName = commandName
    self.metadata = metadata
    writeConsistency = .local
    isDeleted = false
    effects.clear()
  }

  /// A stream was opened.
  mutating func streamOpened(_ command: String) { openStreams[command, default: 0] += 1 }

  /// A stream has ended.
  mutating func streamEnded(_ command: String) { openStreams[command, default: 1] -= 1 }
}
