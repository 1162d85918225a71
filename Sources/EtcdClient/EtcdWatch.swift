import CloudstateProtocol
import GRPCTransport
import NIOCore

/// What a watch tells.
package enum EtcdWatchEvent: Hashable, Sendable {
  /// The watch stands: from here on nothing is missed until ``ended(_:)``.
  case began
  case put(EtcdKeyValue)
  /// - Parameter revision: that of the transaction that deleted the key.
  case deleted(key: [UInt8], revision: Int64)
  /// Nothing follows. `.compacted`: the first changes asked for are gone; otherwise the connection or the member is.
  case ended(EtcdError)
}

/// A watch under way; letting go of the value does not end it.
package final class EtcdWatch: Sendable {
  private let eventLoop: any EventLoop
  private let stream: NIOLoopBoundBox<(stream: (any GRPCClientStream)?, isCancelled: Bool)>

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    stream = .makeBoxSendingValue((nil, false), eventLoop: eventLoop)
  }

  /// On the loop.
  func attach(_ opened: any GRPCClientStream) {
    if stream.value.isCancelled { return opened.cancel() }
    stream.value.stream = opened
  }

  /// Ends the watch; its handler hears of it. From any thread.
  package func cancel() {
    eventLoop.execute { [stream] in
      stream.value.isCancelled = true
      stream.value.stream?.cancel()
      stream.value.stream = nil
    }
  }
}

/// Turns the messages of a watch into events. Loop-bound like its call.
final class EtcdWatchHandler: GRPCClientStreamHandler {
  private let handler: @Sendable (EtcdWatchEvent) -> Void
  private var isOver = false

  init(_ handler: @escaping @Sendable (EtcdWatchEvent) -> Void) { self.handler = handler }

  func receive(_ message: ByteBuffer) {
    guard !isOver else { return }
    let response: Etcdserverpb_WatchResponse
    do {
      response = try Etcdserverpb_WatchResponse(decoding: message)
    } catch {
      return end(EtcdError(.failed, "etcd's answer to a watch cannot be read: \(error)"))
    }
    if response.compactRevision > 0 {
      return end(
        EtcdError(
          .compacted, "changes before revision \(response.compactRevision) have been compacted"))
    }
    if response.canceled { return end(EtcdError(.failed, response.cancelReason)) }
    if response.created { handler(.began) }
    for event in response.events {
      switch event.type {
      case .delete:
        handler(.deleted(key: Array(event.kv.key), revision: event.kv.modRevision))
      case .put: handler(.put(EtcdKeyValue(event.kv)))
      case .UNRECOGNIZED:
        return end(EtcdError(.failed, "etcd tells of a change of an unknown kind"))
      }
    }
  }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    end(EtcdError(status.code == .ok ? GRPCStatus(.unavailable, "etcd ended the watch") : status))
  }

  private func end(_ error: EtcdError) {
    guard !isOver else { return }
    isOver = true
    handler(.ended(error))
  }
}
