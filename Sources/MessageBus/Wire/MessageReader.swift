import CloudstateModel
import NIOCore

/// A frame that is not a message of ours.
struct MalformedMessage: Error, Hashable {
  let reason: String
}

/// A decoded message, see ``WireFormat``.
struct IncomingMessage {
  let header: MessageHeader
  let envelopes: [Envelope]

  /// Decodes a whole frame. Payloads share the frame's memory.
  init(_ frame: ByteBuffer) throws(MalformedMessage) {
    var rest = frame
    guard let magic: UInt16 = rest.readInteger(), magic == WireFormat.magic else {
      throw MalformedMessage(reason: "does not begin with the magic bytes")
    }
    guard let version: UInt8 = rest.readInteger(), version == WireFormat.version else {
      throw MalformedMessage(reason: "is of another version")
    }
    guard let start: UInt64 = rest.readInteger(),
      let source = rest.readShortText().flatMap({ NodeID($0) }),
      let targetText = rest.readShortText()
    else { throw MalformedMessage(reason: "has a damaged header") }
    let target = NodeID(targetText)
    guard target != nil || targetText.isEmpty else {
      throw MalformedMessage(reason: "has a damaged target")
    }
    header = MessageHeader(source: source, start: start, target: target)
    var envelopes: [Envelope] = []
    while rest.readableBytes > 0 { envelopes.append(try rest.readEnvelope()) }
    guard !envelopes.isEmpty else { throw MalformedMessage(reason: "is empty") }
    self.envelopes = envelopes
  }
}

extension ByteBuffer {
  fileprivate mutating func readShortText() -> String? {
    guard let length: UInt8 = readInteger() else { return nil }
    return readValidText(length: Int(length))
  }

  /// `nil` for what is no UTF-8, too: mended, it would be another text than the one that was sent.
  private mutating func readValidText(length: Int) -> String? {
    try? readUTF8ValidatedString(length: length)
  }

  fileprivate mutating func readEnvelope() throws(MalformedMessage) -> Envelope {
    guard let kindByte: UInt8 = readInteger(), let flags: UInt8 = readInteger(),
      let number: UInt64 = readInteger(), let subjectLength: UInt16 = readInteger(),
      let payloadLength: UInt32 = readInteger(),
      let subjectText = readValidText(length: Int(subjectLength)),
      let payload = readSlice(length: Int(payloadLength))
    else { throw MalformedMessage(reason: "ends within an envelope") }
    guard let kind = EnvelopeKind(rawValue: kindByte), flags == 0 else {
      throw MalformedMessage(reason: "holds an envelope of an unknown kind")
    }
    switch kind {
    case .request, .publication:
      guard let subject = Subject(subjectText) else {
        throw MalformedMessage(reason: "holds an illegal subject")
      }
      return kind == .request
        ? .request(id: number, subject: subject, payload: payload)
        : .publication(sequence: number, subject: subject, payload: payload)
    case .answer, .failure:
      guard subjectLength == 0 else {
        throw MalformedMessage(reason: "holds an answer with a subject")
      }
      if kind == .answer { return .answer(id: number, payload: payload) }
      var text = payload
      guard let code: UInt8 = text.readInteger() else {
        throw MalformedMessage(reason: "holds a failure without a code")
      }
      return .failure(
        id: number,
        BusError(.init(wireCode: code), String(decoding: text.readableBytesView, as: UTF8.self)))
    }
  }
}
