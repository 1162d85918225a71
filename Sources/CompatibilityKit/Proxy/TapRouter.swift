import GRPCTransport
import NIOCore

/// Takes what a node with its user function inside tells of the calls between them.
struct TapRouter: GRPCServerRouter {
  let announce: @Sendable (RecordedConnection) -> Void

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    guard call.path == TapConnection.path else { return nil }
    return TappedCalls(call, announce)
  }
}

/// The calls of one node. Loop-bound.
private final class TappedCalls: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private let announce: (RecordedConnection) -> Void
  /// Those that have not ended, by their numbers.
  private var records: [UInt64: RecordedConnection] = [:]

  init(_ call: any GRPCServerCall, _ announce: @escaping (RecordedConnection) -> Void) {
    self.call = call
    self.announce = announce
  }

  func receive(_ message: ByteBuffer) {
    guard let told = TapRecord(decoding: message), take(told) else {
      call.finish(GRPCStatus(.invalidArgument, "a message that is no record of a known call"))
      return end(GRPCStatus(.invalidArgument, "the node told of it in words that cannot be read"))
    }
  }

  /// - Returns: `false` if the call is not known.
  private func take(_ told: TapRecord) -> Bool {
    if case .opened(let path) = told.event {
      let record = RecordedConnection(path: path)
      records[told.call] = record
      announce(record)
      return true
    }
    guard let record = records[told.call] else { return false }
    switch told.event {
    case .opened: break
    case .request(let message): record.incoming.add(.message(message))
    case .requestEnd: record.incoming.add(.completed)
    case .response(let message): record.outgoing.add(.message(message))
    case .cancelled(let status):
      records[told.call] = nil
      record.incoming.add(.failed(status))
      record.outgoing.add(.failed(status))
    case .finished(let status):
      records[told.call] = nil
      record.outgoing.add(status.code == .ok ? .completed : .failed(status))
    }
    return true
  }

  func receiveEnd() {
    end(GRPCStatus(.unavailable, "the node tells no more of it"))
    call.finish(.ok)
  }

  func writabilityChanged(_ isWritable: Bool) {}

  func cancelled(_ status: GRPCStatus) { end(status) }

  /// Nothing more will be told of any call.
  private func end(_ status: GRPCStatus) {
    for record in records.values {
      record.incoming.add(.failed(status))
      record.outgoing.add(.failed(status))
    }
    records = [:]
  }
}
