import CloudstateModel
import EntityRuntime
import MessageBus
import NIOCore

/// Answers the commands that other nodes send to the shards of this one.
struct RoutedCommandServer: Sendable {
  private let subscription: Subscription

  /// Begins to serve `cs.cmd.<service>.*`.
  init(
    bus: any MessageBus, service: ServiceName, shardCount: UInt32, methods: EntityMethods,
    runtime: EntityRuntime
  ) {
    // The pattern of a legal service name is always legal.
    guard let pattern = SubjectPattern("cs.cmd.\(service.text).*") else {
      preconditionFailure("no subject pattern for service \(service)")
    }
    subscription = bus.serve(pattern) { request in
      guard let command = RoutedCommandCodec.decode(request.payload, methods: methods) else {
        request.answer(
          .failure(
            BusError(
              .rejected, "node \(bus.nodeID) does not serve this command; are versions mixed?")))
        return
      }
      let shard = ShardID(
        service: service, index: command.entity.shardIndex(shardCount: shardCount))
      runtime.submit(command, shard: shard) { answer in
        request.answer(.success(RoutedCommandCodec.encode(answer)))
      }
    }
  }

  func stop() { subscription.cancel() }
}
