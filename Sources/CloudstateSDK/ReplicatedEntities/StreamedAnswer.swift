import CloudstateProtocol
public import SwiftProtobuf

/// What a streamed command answers at first, and what becomes of its stream.
public struct StreamedAnswer<State: ReplicatedValue, Reply: Message> {
  private let first: Answer<Reply>?
  private let isOpen: Bool
  private var change: ((inout ReplicatedChange<State>) throws -> Reply?)?
  private var cancellation: ((inout ReplicatedContext<State>) -> Void)?

  private init(first: Answer<Reply>?, isOpen: Bool) {
    self.first = first
    self.isOpen = isOpen
  }

  /// Keeps the stream open, after a first message for the caller, if there is one.
  public static func open(_ first: Reply? = nil, metadata: Metadata = Metadata()) -> Self {
    StreamedAnswer(first: first.map { .reply($0, metadata: metadata) }, isOpen: true)
  }

  /// Ends the stream after one reply, or lets another method answer.
  public static func closed(_ only: Answer<Reply>) -> Self {
    StreamedAnswer(first: only, isOpen: false)
  }

  /// The same answer with something to do whenever the value has changed, be it by a command here or on
  /// another node: the closure answers a message for the caller, or `nil` for none. It cannot change the
  /// value; to do that, it sends an effect to its own entity.
  ///
  /// The command that opened the stream does not count. `throw CommandFailure(...)` ends the stream with
  /// a failure.
  public func onChange(
    _ body: @escaping (inout ReplicatedChange<State>) throws -> Reply?
  ) -> Self {
    var answer = self
    answer.change = body
    return answer
  }

  /// The same answer with something to do once the caller has gone away, with the context of a command:
  /// it may change the value and have effects, but nobody is there to get an answer. It does not run
  /// for a stream that was ended from here, and not if the node fails.
  public func onCancel(_ body: @escaping (inout ReplicatedContext<State>) -> Void) -> Self {
    var answer = self
    answer.cancellation = body
    return answer
  }

  /// Without the type of the replies.
  func started(_ codec: MessageCodec<Reply>) throws(EntityFault) -> StartedStream<State> {
    var stream = StartedStream<State>(
      first: try first?.clientAction(codec), isOpen: isOpen, onCancel: cancellation)
    if let change {
      stream.onChange = { context in
        guard let reply = try change(&context) else { return nil }
        var action = Cloudstate_ClientAction()
        action.reply = Cloudstate_Reply(try codec.pack(reply))
        return action
      }
    }
    return stream
  }
}

/// What the caller of a streamed command gets when the value has changed. Valid while the closure of
/// ``StreamedAnswer/onChange(_:)`` runs.
public struct ReplicatedChange<State: ReplicatedValue> {
  /// The value after the change.
  public let state: State

  /// The instance whose value it is.
  public let entityID: String

  private(set) var isEnded = false
  private(set) var effects = OutgoingEffects()

  init(state: State, entityID: String) {
    self.state = state
    self.entityID = entityID
  }

  /// Ends the stream after this message.
  public mutating func endStream() { isEnded = true }

  /// Adds a command for another service of the same server, or for this entity, as
  /// ``ReplicatedContext/effect(to:_:synchronous:metadata:)`` does; here it is run before the caller
  /// gets the message if it is synchronous.
  public mutating func effect<Command: Message>(
    to target: ServiceMethod, _ command: Command, synchronous: Bool = false,
    metadata: Metadata = Metadata()
  ) {
    effects.add(command, to: target, synchronous: synchronous, metadata: metadata)
  }
}

/// An accepted streamed command without the types of its messages.
struct StartedStream<State: ReplicatedValue> {
  /// What the caller gets at once.
  let first: Cloudstate_ClientAction?
  /// Whether more may follow.
  let isOpen: Bool
  var onChange: ((inout ReplicatedChange<State>) throws -> Cloudstate_ClientAction?)?
  let onCancel: ((inout ReplicatedContext<State>) -> Void)?
}
