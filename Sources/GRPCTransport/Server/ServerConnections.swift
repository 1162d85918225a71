import NIOCore
import Synchronization

/// The open connections of a server, counted when they are accepted.
final class ServerConnections: Sendable {
  /// What becomes of a new connection.
  enum Admission {
    case serve
    /// There are too many: it is told so when it has sent its first bytes.
    case refuse
    /// There are too many even of those that are refused: it is closed.
    case close
  }

  /// Connections beyond the limit that are told so at the same time.
  static let maximumRefusals = 256

  private struct State {
    var isStopped = false
    var channels: [ObjectIdentifier: any Channel] = [:]
    var refused = 0
  }

  private let limit: Int
  private let state = Mutex(State())

  /// - Parameter limit: how many are served at the same time.
  init(limit: Int) { self.limit = limit }

  /// Decides on a new connection and remembers it until it closes.
  func admit(_ channel: any Channel) -> Admission {
    let id = ObjectIdentifier(channel)
    let admission = state.withLock { state -> Admission in
      guard !state.isStopped else { return .close }
      if state.channels.count - state.refused < limit {
        state.channels[id] = channel
        return .serve
      }
      guard state.refused < Self.maximumRefusals else { return .close }
      state.channels[id] = channel
      state.refused += 1
      return .refuse
    }
    guard admission != .close else { return .close }
    channel.closeFuture.whenComplete { _ in
      self.state.withLock { state in
        state.channels[id] = nil
        if admission == .refuse { state.refused -= 1 }
      }
    }
    return admission
  }

  /// Refuses connections from now on, and answers those there are.
  func stopAdding() -> [any Channel] {
    state.withLock { state in
      state.isStopped = true
      return Array(state.channels.values)
    }
  }
}
