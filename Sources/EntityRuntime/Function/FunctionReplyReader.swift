import CloudstateModel
import CloudstateProtocol
import NIOCore
import ShardStore

/// Reads the replies that functions nearly always send: an answer with a payload, events, a snapshot.
///
/// This is on the way of every command, and swift-protobuf's message tree costs several times as much.
/// Whatever is not of the usual shape (forwards, failures, side effects, metadata, fields that come twice
/// or are unknown, malformed bytes) is left to swift-protobuf, so both always agree.
enum FunctionReplyReader {
  /// The reply in an `EventSourcedStreamOut`; `nil` if swift-protobuf has to look at it.
  static func read(_ buffer: ByteBuffer) -> FunctionReply? {
    var out = ProtobufReader(buffer)
    guard case (1, .bytes(let content))? = out.next(), out.next() == nil, !out.isMalformed else {
      return nil
    }
    return reply(content)
  }

  private static func reply(_ content: ProtobufReader) -> FunctionReply? {
    var content = content
    var commandID: UInt64?
    var answer: ReplyPayload?
    var events: [OpaquePayload] = []
    var snapshot: OpaquePayload?
    while let (number, field) = content.next() {
      switch (number, field) {
      case (1, .varint(let id)) where commandID == nil:
        commandID = id
      case (2, .bytes(let action)) where answer == nil:
        guard let payload = payload(ofAction: action) else { return nil }
        answer = ReplyPayload(typeURL: payload.typeURL, value: payload.value)
      case (4, .bytes(let event)):
        guard let payload = any(event) else { return nil }
        events.append(payload)
      case (5, .bytes(let state)) where snapshot == nil:
        guard let payload = any(state) else { return nil }
        snapshot = payload
      default:
        return nil
      }
    }
    guard !content.isMalformed, let commandID, let answer else { return nil }
    return FunctionReply(
      commandID: Int64(bitPattern: commandID), action: .reply(answer), events: events,
      snapshot: snapshot)
  }

  /// `ClientAction.reply.payload`, if the action holds nothing else.
  private static func payload(ofAction action: ProtobufReader) -> OpaquePayload? {
    guard let reply = only(field: 1, of: action), let payload = only(field: 1, of: reply) else {
      return nil
    }
    return any(payload)
  }

  private static func only(field: UInt64, of message: ProtobufReader) -> ProtobufReader? {
    var message = message
    guard case (field, .bytes(let content))? = message.next(), message.next() == nil,
      !message.isMalformed
    else { return nil }
    return content
  }

  private static func any(_ message: ProtobufReader) -> OpaquePayload? {
    var message = message
    var typeURL: String?
    var value: [UInt8]?
    while let (number, field) = message.next() {
      switch (number, field) {
      case (1, .bytes(let text)) where typeURL == nil:
        guard let text = text.text else { return nil }
        typeURL = text
      case (2, .bytes(let bytes)) where value == nil:
        value = bytes.bytes
      default:
        return nil
      }
    }
    guard !message.isMalformed else { return nil }
    return OpaquePayload(typeURL: typeURL ?? "", value: value ?? [])
  }
}
