import CloudstateSDK
import FoundationEssentials
import SwiftProtobuf

typealias ChatMessage = Cloudstate_Samples_Chat_Rooms_ChatMessage
private typealias PostRequest = Cloudstate_Samples_Chat_Rooms_PostRequest
private typealias Room = Cloudstate_Samples_Chat_Rooms_Room
private typealias History = Cloudstate_Samples_Chat_Rooms_History

/// A message can be an element of a set.
extension ChatMessage: Payload {}

/// The newest messages of one room: a set, so that messages posted through several nodes at once all
/// stay, and from which old ones can be removed, so that it does not grow for ever.
enum Rooms: ReplicatedEntity {
  /// How many messages a room holds. With each post the oldest beyond that are removed; those that
  /// other nodes post at the same time come on top until the next post.
  static let maximumMessages = 100
  /// In bytes; longer ones are refused.
  static let maximumTextLength = 2000

  static let serviceName = "cloudstate.samples.chat.rooms.Rooms"
  static let persistenceID = "rooms"

  static var behavior: ReplicatedBehavior<ORSet<ChatMessage>> {
    OnCommand("Post") { (context, request: PostRequest) in
      guard !request.user.isEmpty else { throw CommandFailure("Say who posts the message.") }
      guard 1...maximumTextLength ~= request.text.utf8.count else {
        throw CommandFailure("A message has 1 to \(maximumTextLength) bytes.")
      }
      var messages = context.state.inOrder
      let message = ChatMessage.with {
        $0.id = UUID().uuidString
        $0.user = request.user
        $0.text = request.text
        // Not before what it may answer, whatever the clocks of other nodes say.
        $0.postedAt = max(now(), (messages.last?.postedAt ?? 0) + 1)
      }
      messages.append(message)
      context.state.insert(message)
      for old in messages.dropLast(maximumMessages) { context.state.remove(old) }
      return message
    }

    OnCommand("GetHistory") { (context, _: Room) in
      History.with { $0.messages = context.state.inOrder }
    }

    OnStreamedCommand("Listen") {
      (context, _: Room) -> StreamedAnswer<ORSet<ChatMessage>, History> in
      var known = context.state.elements
      return .open(History.with { $0.messages = context.state.inOrder }).onChange { change in
        let new = change.state.inOrder.filter { !known.contains($0) }
        known = change.state.elements
        return new.isEmpty ? nil : History.with { $0.messages = new }
      }
    }
  }

  /// Milliseconds since 1970.
  private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}

extension ORSet<ChatMessage> {
  /// The same on all nodes.
  fileprivate var inOrder: [ChatMessage] {
    elements.sorted { ($0.postedAt, $0.id) < ($1.postedAt, $1.id) }
  }
}
