import CloudstateModel
import NIOCore

extension ByteBuffer {
  /// Begins a message, see ``WireFormat``.
  mutating func writeHeader(_ header: MessageHeader) {
    writeInteger(WireFormat.magic)
    writeInteger(WireFormat.version)
    writeInteger(header.start)
    writeShortText(header.source.text)
    writeShortText(header.target?.text ?? "")
  }

  /// Appends an envelope. Subject and payload lengths are bounded by the bus, which checks them when it
  /// accepts a message.
  mutating func writeEnvelope(_ envelope: Envelope) {
    switch envelope {
    case .request(let id, let subject, let payload):
      writeEnvelope(.request, number: id, subject: subject.text, payload: payload)
    case .answer(let id, let payload):
      writeEnvelope(.answer, number: id, subject: "", payload: payload)
    case .failure(let id, let error):
      let text = error.message.utf8.prefix(WireFormat.maximumFailureText)
      var payload = ByteBuffer()
      payload.writeInteger(error.code.wireCode)
      payload.writeBytes(text)
      writeEnvelope(.failure, number: id, subject: "", payload: payload)
    case .publication(let sequence, let subject, let payload):
      writeEnvelope(.publication, number: sequence, subject: subject.text, payload: payload)
    }
  }

  private mutating func writeEnvelope(
    _ kind: EnvelopeKind, number: UInt64, subject: String, payload: ByteBuffer
  ) {
    writeInteger(kind.rawValue)
    writeInteger(UInt8(0))
    writeInteger(number)
    writeInteger(UInt16(truncatingIfNeeded: subject.utf8.count))
    writeInteger(UInt32(truncatingIfNeeded: payload.readableBytes))
    writeString(subject)
    writeImmutableBuffer(payload)
  }

  private mutating func writeShortText(_ text: String) {
    writeInteger(UInt8(truncatingIfNeeded: text.utf8.count))
    writeString(text)
  }
}
