import CloudstateModel
import MessageBus
import NIOCore

/// Runs the forwards and side effects that other services of the topology have for this one.
struct TopologyCallServer: Sendable {
  private let subscription: Subscription
  private let running = RunningRequests()
  private let timer: any EventLoop

  /// Begins to serve `cs.call.<service>`.
  init(
    bus: any MessageBus, service: ServiceName, methods: EntityMethods, runner: CommandRunner,
    loops: [any EventLoop]
  ) {
    // There are event loops; any will do.
    timer = loops[0]
    let nodeID = bus.nodeID
    subscription = bus.serve(SubjectPattern(.call(service: service))) { [running] request in
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
      guard let answer = running.begin(request) else {
        return request.answer(.failure(BusError(.noResponder, "node \(nodeID) is stopping")))
      }
      // Any loop will do; calls of one kind keep their order.
      let name = EntityKey(persistenceID: call.serviceName, entityID: call.method)
      let loop = loops[name.loopIndex(of: loops.count)]
      loop.execute {
        runner.run(call, in: chain, on: loop) { result in
          answer(.success(RoutedCallCodec.encode(result)))
        }
      }
    }
  }

  /// Takes no more calls, and returns when those that run are answered, with everything that follows from them.
  /// What is not by the end of the grace is answered as unknown.
  func stop(within grace: TimeAmount) async {
    subscription.cancel()
    let unfinished = await running.finish(within: grace, on: timer)
    for request in unfinished { request.answer(.success(RoutedCallCodec.cutOff)) }
  }
}
