import CloudstateModel
import ClusterControl
import MessageBus
import NIOCore
import Synchronization

/// Brings forwards and side effects to other services of the topology: those whose gRPC service this node's
/// function does not serve.
///
/// Nobody tells which service of the topology serves what, so they are asked one after the other, and the answer is
/// remembered. A node that does not serve the call says so and starts nothing.
final class TopologyCalls: Sendable {
  typealias Completion = @Sendable (Result<CommandAnswer, RoutingError>) -> Void

  /// gRPC services that are remembered; with one more all are forgotten.
  private static let maximumKnown = 10_000

  private let cluster: ClusterReference
  private let bus: any MessageBus
  private let service: ServiceName
  private let timeout: TimeAmount
  private let known = Mutex<[String: ServiceName]>([:])

  /// - Parameter timeout: how long a call may take when its chain has no deadline.
  init(
    cluster: ClusterReference, bus: any MessageBus, service: ServiceName, timeout: TimeAmount
  ) {
    self.cluster = cluster
    self.bus = bus
    self.service = service
    self.timeout = timeout
  }

  /// `completion` is called exactly once, on `eventLoop`, from which the call must come too.
  func call(
    _ call: FunctionCall, in chain: CommandChain, on eventLoop: any EventLoop,
    completion: @escaping Completion
  ) {
    attempt(
      Attempt(
        call: call, chain: chain, eventLoop: eventLoop, completion: completion,
        candidates: candidates(for: call.serviceName)))
  }

  /// A call and whom to ask yet.
  private struct Attempt: Sendable {
    let call: FunctionCall
    let chain: CommandChain
    let eventLoop: any EventLoop
    let completion: Completion
    var candidates: ArraySlice<ClusterMember>
    /// A service that could not be asked.
    var unreachable: ClusterMember?
  }

  /// The nodes of other services: first of that which is known to serve the call, living ones before others.
  private func candidates(for serviceName: String) -> ArraySlice<ClusterMember> {
    let known = known.withLock { $0[serviceName] }
    let members = cluster.handle?.snapshot.members.values.filter { $0.service != service } ?? []
    func rank(_ member: ClusterMember) -> Int {
      (member.service == known ? 0 : 2) + (member.liveness == .alive ? 0 : 1)
    }
    return members.sorted { (rank($0), $0.service, $0.node) < (rank($1), $1.service, $1.node) }[...]
  }

  private func attempt(_ attempt: Attempt) {
    var rest = attempt
    guard let member = rest.candidates.popFirst() else {
      let call = attempt.call
      guard let missing = attempt.unreachable else {
        return attempt.completion(
          .failure(RoutingError("Service [\(call.serviceName)] unknown")))
      }
      return attempt.completion(
        .success(
          .error(
            CommandError(
              .shardUnavailable,
              "no node of service \(missing.service), which may serve \(call), can be reached; retry"
            ))))
    }
    var timeout = timeout
    if let deadline = attempt.chain.deadline {
      timeout = max(.milliseconds(1), min(timeout, .uptimeNanoseconds(deadline) - .now()))
    }
    bus.request(
      .call(service: member.service),
      payload: RoutedCallCodec.encode(attempt.call, in: attempt.chain, timeout: timeout),
      to: member.node, timeout: timeout, on: attempt.eventLoop
    ) { [rest] result in
      var rest = rest
      switch RoutedCallCodec.answer(result, node: member.node) {
      case .notSent:
        rest.unreachable = rest.unreachable ?? member
        self.attempt(rest)
      case .unknownService:
        rest.candidates.removeAll { $0.service == member.service }
        if rest.unreachable?.service == member.service { rest.unreachable = nil }
        self.attempt(rest)
      case .refused(let error):
        self.remember(attempt.call.serviceName, member.service)
        attempt.completion(.failure(error))
      case .answered(let answer):
        self.remember(attempt.call.serviceName, member.service)
        attempt.completion(.success(answer))
      }
    }
  }

  private func remember(_ serviceName: String, _ service: ServiceName) {
    known.withLock { known in
      if known.count >= Self.maximumKnown { known.removeAll() }
      known[serviceName] = service
    }
  }
}
