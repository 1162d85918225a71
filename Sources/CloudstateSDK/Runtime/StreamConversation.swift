import CloudstateProtocol
import SwiftProtobuf

/// The protocol of one entity stream: message in, answer out, without I/O. One conformance for each
/// kind of entity.
protocol StreamConversation {
  associatedtype Input: Message
  associatedtype Reply
  associatedtype Output: Message

  /// The instance named by `init`, for logs; empty before.
  var entityID: String { get }

  /// Takes the next message of the stream.
  mutating func receive(_ message: Input) -> OnStreamMessage<Reply>
  /// The stream is broken: lets go of the entity, and takes nothing more.
  mutating func breakOff()

  /// The message that carries a reply.
  static func output(_ reply: Reply) -> Output
  /// The message that carries a failure.
  static func output(_ failure: Cloudstate_Failure) -> Output
}

extension StreamConversation {
  /// Takes a message that could not be decoded.
  mutating func receiveUnreadable(_ error: any Error) -> OnStreamMessage<Reply> {
    fail(EntityFault("A message of the stream could not be read: \(error)."), commandID: 0)
  }

  /// Ends the stream; `commandID` is 0 when no command is at fault.
  mutating func fail(_ fault: EntityFault, commandID: Int64) -> OnStreamMessage<Reply> {
    breakOff()
    var failure = Cloudstate_Failure()
    failure.commandID = commandID
    failure.description_p = fault.description
    return .fail(failure)
  }

  /// A stream is for one instance.
  func checkAddressee(_ addressee: String) throws(EntityFault) {
    guard addressee != entityID else { return }
    throw EntityFault("A command for '\(addressee)' arrived on the stream of '\(entityID)'.")
  }
}

/// What to do after a message of an entity stream.
enum OnStreamMessage<Reply> {
  /// Nothing to answer.
  case wait
  /// Send this reply.
  case reply(Reply)
  /// Send these, in order.
  case replies([Reply])
  /// Send this failure and end the stream.
  case fail(Cloudstate_Failure)
}

/// The sidecar asked for a service that is not here, or is of another kind.
func unknownService(
  _ name: String, among services: [String: HostedService], kind: HostedService.KindName
) -> EntityFault {
  let hosted = services.values.filter { $0.kind.name == kind }.map(\.serviceName).sorted()
  return EntityFault(
    "The service '\(name)' is not among the \(kind.words) of this server: "
      + (hosted.isEmpty ? "there are none." : hosted.joined(separator: ", ") + "."))
}
