package import NIOCore

/// Something that passed between a client and a server in one process, as a tap saw it.
package struct TapRecord: Hashable, Sendable {
  /// What happened to a call.
  package enum Event: Hashable, Sendable {
    case opened(path: String)
    case request(ByteBuffer)
    case requestEnd
    /// It ended before the server finished it.
    case cancelled(GRPCStatus)
    case response(ByteBuffer)
    /// The server finished it.
    case finished(GRPCStatus)
  }

  /// Tells calls of one tap apart.
  package var call: UInt64
  package var event: Event

  package init(call: UInt64, event: Event) {
    self.call = call
    self.event = event
  }

  /// What an encoded record has beside the message in it, in bytes.
  package static let overheadBytes = 9

  private enum Kind: UInt8 {
    case opened = 1
    case request, requestEnd, cancelled, response, finished
  }

  /// Reads what ``encoded`` wrote; `nil` for anything else.
  package init?(decoding bytes: ByteBuffer) {
    var bytes = bytes
    guard let call: UInt64 = bytes.readInteger(),
      let kind = bytes.readInteger(as: UInt8.self).flatMap(Kind.init)
    else { return nil }
    switch kind {
    case .opened: self.init(call: call, event: .opened(path: String(buffer: bytes)))
    case .request: self.init(call: call, event: .request(bytes.slice()))
    case .requestEnd: self.init(call: call, event: .requestEnd)
    case .response: self.init(call: call, event: .response(bytes.slice()))
    case .cancelled, .finished:
      guard let number: UInt8 = bytes.readInteger(),
        let code = GRPCStatus.Code(rawValue: Int(number))
      else { return nil }
      let status = GRPCStatus(code, String(buffer: bytes))
      self.init(call: call, event: kind == .cancelled ? .cancelled(status) : .finished(status))
    }
  }

  /// The call (8 bytes, big-endian), the kind of event (1 byte), and what there is to say of it: a path,
  /// a message, or the code of a status (1 byte) and its text.
  package var encoded: ByteBuffer {
    var bytes = ByteBuffer()
    func begin(_ kind: Kind) {
      bytes.writeInteger(call)
      bytes.writeInteger(kind.rawValue)
    }
    switch event {
    case .opened(let path):
      begin(.opened)
      bytes.writeString(path)
    case .request(let message):
      begin(.request)
      bytes.writeImmutableBuffer(message)
    case .requestEnd: begin(.requestEnd)
    case .response(let message):
      begin(.response)
      bytes.writeImmutableBuffer(message)
    case .cancelled(let status), .finished(let status):
      if case .cancelled = event { begin(.cancelled) } else { begin(.finished) }
      bytes.writeInteger(UInt8(status.code.rawValue))
      bytes.writeString(status.message)
    }
    return bytes
  }
}
