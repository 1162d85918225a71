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

  /// Watchers of one connection. More are refused, too.
  package static let maximumWatchersOfConnection = 16

  private static let service = "/grpc.health.v1.Health/"
  private static let checkPath = service + "Check"
  private static let listPath = service + "List"
  private static let watchPath = service + "Watch"

  /// Whether a path is served to callers without credentials: they hear of the node, and of no service.
  static func isOpen(_ path: String) -> Bool { path == checkPath || path == watchPath }

  private struct Watcher {
    let connection: UInt64
    let eventLoop: any EventLoop
    let handler: NIOLoopBound<HealthWatchHandler>
  }

  private struct State {
    var isServing = false
    var isStopped = false
    var lastWatcher = 0
    var watchers: [Int: Watcher] = [:]
    /// How many there are by connection; never zero.
    var byConnection: [UInt64: Int] = [:]
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
  ///
  /// - Parameter mayKnow: whether the caller may know of a service; one that he may not know of is answered
  ///   as if it were not there. Of the node itself everybody may know.
  package func handler(
    for call: any GRPCServerCall, mayKnow: @escaping (String) -> Bool = { _ in true }
  ) -> (any GRPCServerCallHandler)? {
    switch call.path {
    case Self.checkPath:
      HealthCheckHandler(call: call) { (message) throws(GRPCStatus) in
        try self.check(message, mayKnow)
      }
    case Self.listPath: HealthCheckHandler(call: call) { _ in self.list(mayKnow) }
    case Self.watchPath: HealthWatchHandler(call: call, health: self, mayKnow: mayKnow)
    default: nil
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

  /// The state of a service; `nil` for one that is not known, or not to this caller.
  func status(of service: String, _ mayKnow: (String) -> Bool) -> Status? {
    guard services.contains(service), service.isEmpty || mayKnow(service) else { return nil }
    return state.withLock { $0.isServing && !$0.isStopped } ? .serving : .notServing
  }

  /// - Returns: the watcher's number for ``remove(_:)``.
  func add(_ handler: HealthWatchHandler, of call: any GRPCServerCall) throws(GRPCStatus) -> Int {
    let eventLoop = call.eventLoop
    let connection = call.peer.connection
    let watcher = Watcher(
      connection: connection, eventLoop: eventLoop,
      handler: NIOLoopBound(handler, eventLoop: eventLoop))
    let limit = maximumWatchers
    let added = state.withLock { state -> Result<Int, GRPCStatus> in
      guard !state.isStopped else { return .failure(Self.stopping) }
      guard state.watchers.count < limit else {
        return .failure(
          GRPCStatus(
            .resourceExhausted,
            "there are \(limit) watchers already; ask Check from time to time instead"))
      }
      // Calls from inside the process have no connection.
      let ofConnection = state.byConnection[connection, default: 0]
      guard connection == 0 || ofConnection < Self.maximumWatchersOfConnection else {
        return .failure(
          GRPCStatus(
            .resourceExhausted,
            "this connection has \(ofConnection) watchers already; close one of them"))
      }
      state.byConnection[connection] = ofConnection + 1
      state.lastWatcher += 1
      state.watchers[state.lastWatcher] = watcher
      return .success(state.lastWatcher)
    }
    return try added.get()
  }

  func remove(_ watcher: Int) {
    state.withLock { state in
      guard let removed = state.watchers.removeValue(forKey: watcher) else { return }
      let rest = state.byConnection[removed.connection, default: 1] - 1
      state.byConnection[removed.connection] = rest > 0 ? rest : nil
    }
  }

  static let stopping = GRPCStatus(.unavailable, "the node stops")

  private func check(
    _ message: ByteBuffer, _ mayKnow: (String) -> Bool
  ) throws(GRPCStatus) -> ByteBuffer {
    guard let request = try? Grpc_Health_V1_HealthCheckRequest(decoding: message) else {
      throw GRPCStatus(.invalidArgument, "the message is not a HealthCheckRequest")
    }
    guard let status = status(of: request.service, mayKnow) else {
      throw GRPCStatus(
        .notFound,
        "there is no service \(request.service) here, or none that you may know of; the empty name stands for "
          + "the node")
    }
    return Grpc_Health_V1_HealthCheckResponse.with { $0.status = status }.encoded
  }

  private func list(_ mayKnow: (String) -> Bool) -> ByteBuffer {
    Grpc_Health_V1_HealthListResponse.with { response in
      for service in services {
        guard let status = status(of: service, mayKnow) else { continue }
        response.statuses[service] = .with { $0.status = status }
      }
    }.encoded
  }
}
