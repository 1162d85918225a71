import CloudstateModel
import MessageBus
import NIOCore

/// Runs the forwards and side effects that other services of the topology have for this one.
struct TopologyCallServer: Sendable {
  private let subscription: Subscription

  /// Begins to serve `cs.call.<service>`.
  init(
    bus: any MessageBus, service: ServiceName, methods: EntityMethods, runner: CommandRunner,
    loops: [any EventLoop]
  ) {
    let nodeID = bus.nodeID
    subscription = bus.serve(SubjectPattern(.call(service: service))) { request in
      guard let (call, chain) = RoutedCallCodec.decode(request.payload) else {
        request.answer(
          .failure(
            BusError(
              .rejected, "node \(nodeID) does not understand the call; are versions mixed?")))
        return
      }
      guard methods.serves(call.serviceName) else {
        return request.answer(.success(RoutedCallCodec.unknownService))
      }
      // Any loop will do; calls of one kind keep their order.
      let name = EntityKey(persistenceID: call.serviceName, entityID: call.method)
      let loop = loops[name.loopIndex(of: loops.count)]
      loop.execute {
        runner.run(call, in: chain, on: loop) { result in
          request.answer(.success(RoutedCallCodec.encode(result)))
        }
      }
    }
  }

  func stop() { subscription.cancel() }
}
