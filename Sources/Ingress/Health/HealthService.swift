import CloudstateProtocol
package import GRPCTransport
import NIOCore
import SwiftProtobuf
import Synchronization

/// The gRPC health checking protocol (`grpc.health.v1.Health`) for a node: whether it, and with it each of its
/// services, takes calls. Not listed by reflection. Any thread.
package final class HealthService: Sendable {
  typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

  /// Watchers at once; each costs an open stream. More are refused with RESOURCE_EXHAUSTED.
  package static let maximumWatchers = 1000

  private static let service = "/grpc.health.v1.Health/"

  private struct Watcher {
    let eventLoop: any EventLoop
    let handler: NIOLoopBound<HealthWatchHandler>
  }

  private struct State {
    var isServing = false
    var isStopped = false
    var lastWatcher = 0
    var watchers: [Int: Watcher] = [:]
  }

  private let services: Set<String>
  private let maximumWatchers: Int
  private let state = Mutex(State())

  /// - Parameter services: full names; the empty name for the whole node is known in any case.
  package init(services: [String], maximumWatchers: Int = HealthService.maximumWatchers) {
    self.services = Set(services).union([""])
    self.maximumWatchers = maximumWatchers
  }

  /// Handles a call of the health service, and answers `nil` for all other paths.
  package func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    guard call.path.hasPrefix(Self.service) else { return nil }
    switch call.path.dropFirst(Self.service.count) {
    case "Check": return HealthCheckHandler(call: call, answer: check)
    case "List": return HealthCheckHandler(call: call, answer: list)
    case "Watch": return HealthWatchHandler(call: call, health: self)
    default: return nil
    }
  }

  /// From now on the node takes calls, or not. All watchers are told.
  package func become(serving isServing: Bool) {
    for watcher in state.withLock({ state in
      state.isServing = isServing
      return Array(state.watchers.values)
    }) {
      // The state is read on the watcher's loop, so that changes in quick succession cannot change places.
      watcher.eventLoop.execute { watcher.handler.value.refresh() }
    }
  }

  /// Ends all watches with UNAVAILABLE and takes no more.
  package func stop() {
    for watcher in state.withLock({ state in
      state.isStopped = true
      return Array(state.watchers.values)
    }) {
      watcher.eventLoop.execute { watcher.handler.value.stop() }
    }
  }

  /// The state of a service; `nil` for one that is not known.
  func status(of service: String) -> Status? {
    guard services.contains(service) else { return nil }
    return state.withLock { $0.isServing && !$0.isStopped } ? .serving : .notServing
  }

  /// - Returns: the watcher's number for ``remove(_:)``.
  func add(_ handler: HealthWatchHandler, on eventLoop: any EventLoop) throws(GRPCStatus) -> Int {
    let watcher = Watcher(
      eventLoop: eventLoop, handler: NIOLoopBound(handler, eventLoop: eventLoop))
    let limit = maximumWatchers
    let added = state.withLock { state -> Result<Int, GRPCStatus> in
      guard !state.isStopped else { return .failure(Self.stopping) }
      guard state.watchers.count < limit else {
        return .failure(
          GRPCStatus(
            .resourceExhausted,
            "there are \(limit) watchers already; ask Check from time to time instead"))
      }
      state.lastWatcher += 1
      state.watchers[state.lastWatcher] = watcher
      return .success(state.lastWatcher)
    }
    return try added.get()
  }

  func remove(_ watcher: Int) { state.withLock { state in state.watchers[watcher] = nil } }

  static let stopping = GRPCStatus(.unavailable, "the node stops")

  private func check(_ message: ByteBuffer) throws(GRPCStatus) -> ByteBuffer {
    guard let request = try? Grpc_Health_V1_HealthCheckRequest(decoding: message) else {
      throw GRPCStatus(.invalidArgument, "the message is not a HealthCheckRequest")
    }
    guard let status = status(of: request.service) else {
      throw GRPCStatus(.notFound, "there is no service \(request.service) here")
    }
    return Grpc_Health_V1_HealthCheckResponse.with { $0.status = status }.encoded
  }

  private func list(_ message: ByteBuffer) throws(GRPCStatus) -> ByteBuffer {
    Grpc_Health_V1_HealthListResponse.with { response in
      for service in services {
        guard let status = status(of: service) else { continue }
        response.statuses[service] = .with { $0.status = status }
      }
    }.encoded
  }
}
