import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// A call of the protocol, with a limit on every wait. The call is cancelled when the value goes away.
struct Conversation<Input: Message, Output: Message>: Sendable {
  /// What comes next.
  enum Received: Sendable {
    case message(Output)
    /// A message of another type.
    case unreadable(String)
    /// The service completed the stream.
    case end
    case failed(GRPCStatus)
    /// Nothing came in time; the call is cancelled.
    case silence(Duration)
  }

  private let call: GRPCBidirectionalCall
  private let limit: Duration

  init(
    _ client: GRPCAsyncClient, path: String, metadata: GRPCMetadata = GRPCMetadata(),
    limit: Duration
  ) {
    call = client.bidirectional(path: path, metadata: metadata)
    self.limit = limit
  }

  func send(_ message: Input) { call.send(message.encoded) }

  func halfClose() { call.finishSending() }

  func cancel() { call.cancel() }

  /// Waits for the next message or the end.
  func next() async -> Received { await next(within: limit) }

  /// The same with another limit.
  func next(within limit: Duration) async -> Received {
    await withTaskGroup(of: Received.self) { group in
      group.addTask { await read() }
      group.addTask {
        try? await Task.sleep(for: limit)
        return .silence(limit)
      }
      let first = await group.next() ?? .silence(limit)
      group.cancelAll()
      return first
    }
  }

  private func read() async -> Received {
    var iterator = call.messages.makeAsyncIterator()
    do {
      guard let bytes = try await iterator.next() else { return .end }
      do { return .message(try Output(decoding: bytes)) } catch { return .unreadable("\(error)") }
    } catch let status as GRPCStatus {
      return .failed(status)
    } catch {
      return .failed(GRPCStatus(.unknown, "\(error)"))
    }
  }
}

extension Conversation.Received {
  /// For people; messages are described by who knows them.
  func describe(_ message: (Output) -> String) -> String {
    switch self {
    case .message(let output): message(output)
    case .unreadable(let problem): "a message that cannot be read: \(problem)"
    case .end: "the end of the stream"
    case .failed(let status): "the gRPC error \(status)"
    case .silence(let limit): "nothing within \(limit)"
    }
  }
}
