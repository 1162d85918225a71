import CloudstateProtocol
public import SwiftProtobuf

/// What a command handler of a value entity sees and may do. Valid while the handler runs.
public struct ValueContext<State: Message> {
  /// The value with all changes of the running command; `nil` if there is none.
  public private(set) var state: State?

  /// The instance that the command is for.
  public let entityID: String

  /// The short name of the method that was called.
  public private(set) var commandName = ""

  /// Request headers, as far as the sidecar passes them on.
  public private(set) var metadata = Metadata()

  /// Whether the running command has updated or deleted the value.
  private(set) var isChanged = false
  /// The side effects of the running command.
  private(set) var effects = OutgoingEffects()

  /// What ``state`` was before the running command.
  private var before: State?

  init(entityID: String, state: State?) {
    self.entityID = entityID
    self.state = state
  }

  /// Creates or replaces the value. Only the last change of a command is stored, before the caller
  /// gets the reply; if the command fails afterwards, the value is as it was before.
  public mutating func update(_ value: State) {
    state = value
    isChanged = true
  }

  /// Changes the value in place, or an empty message if there is none. If the closure throws, the
  /// value is as it was before the call.
  public mutating func update(_ change: (inout State) throws -> Void) rethrows {
    var value = state ?? State()
    try change(&value)
    update(value)
  }

  /// Removes the value. A later update makes a new one.
  public mutating func delete() {
    state = nil
    isChanged = true
  }

  /// Adds a command for another service of the same server, sent once the change of this command is
  /// stored. Its result never changes the result of this command; if this command fails, it is not
  /// sent.
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
  mutating func begin(_ command: Cloudstate_Command) {
    commandName = command.name
    metadata = Metadata(command.metadata)
    before = state
    isChanged = false
    effects.clear()
  }

  /// Ends the running command, whose changes stay.
  mutating func commit() { before = nil }

  /// Ends the running command and takes back what it changed.
  mutating func rollBack() {
    state = before
    before = nil
  }
}
