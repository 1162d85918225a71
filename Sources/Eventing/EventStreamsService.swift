package import CloudstateModel
import CloudstateProtocol
package import GRPCTransport
package import Logging
package import MessageBus
package import NIOCore
package import NIOPosix
package import ShardStore
import Synchronization

/// The service `cloudstate.streams.EventStreams` of a node: whoever connects can follow the events of
/// all shards of the stateful service, wherever they live (design section 6).
///
/// Tailing reads from the stores of the owners and then follows; it holds no consumer state, so it can
/// neither lose events nor move anyone's position. The node creates one instance, calls ``start()``
/// when its bus and store are open, puts ``handler(for:)`` into its public router, and calls ``stop()``
/// before it drains that listener.
package final class EventStreamsService: Sendable {
  /// The paths served.
  package static let describePath = "/cloudstate.streams.EventStreams/describe"
  package static let tailPath = "/cloudstate.streams.EventStreams/tail"

  /// Bounds and intervals.
  package struct Settings: Sendable {
    package var tail = TailSettings()
    /// Tails served at the same time by this node; more get RESOURCE_EXHAUSTED. Default 256.
    package var maximumTails = 256
    /// How long another node may take to answer a read. Default 3 s.
    package var remoteReadTimeout = TimeAmount.seconds(3)
    /// The least time between two notices to other nodes. Default 5 ms.
    package var noticeInterval = TimeAmount.milliseconds(5)

    package init() {}
  }

  private let context: StreamsContext
  private let server: StreamServer
  private let store: any ShardStore
  private let bus: any MessageBus
  private let noticeSubscription = Mutex<Subscription?>(nil)

  /// - Parameters:
  ///   - pool: where the store's blocking reads run; started before ``start()`` and stopped after
  ///     ``stop()`` by the caller.
  ///   - eventLoop: where delayed notices are sent from.
  ///   - wallClock: the time of day, for tails that begin while an owner cannot be asked.
  ///   - json: renders an event as JSON, or answers `nil` if no descriptor knows its type. Called on
  ///     event loops; must not block.
  package init(
    service: ServiceName, store: any ShardStore, bus: any MessageBus,
    topology: any StreamTopology, pool: NIOThreadPool, eventLoop: any EventLoop,
    settings: Settings = Settings(), logger: Logger,
    wallClock: @escaping @Sendable () -> Timestamp,
    json: @escaping @Sendable (_ typeURL: String, _ value: [UInt8]) -> String?
  ) {
    let local = LocalStreamReader(store: store, pool: pool)
    let reader = RoutedStreamReader(
      nodeID: bus.nodeID, topology: topology, local: local,
      remote: RemoteStreamReader(bus: bus, timeout: settings.remoteReadTimeout))
    let pollAge = TimeAmount.nanoseconds(settings.tail.pollInterval.nanoseconds / 2)
    context = StreamsContext(
      service: service, nodeID: bus.nodeID, topology: topology, reader: reader,
      polls: SharedPolls(reader: reader, maximumAge: pollAge),
      hub: TailHub(maximumSubscribers: settings.maximumTails), settings: settings,
      wallClock: wallClock, renderJSON: json, logger: logger)
    server = StreamServer(
      service: service, topology: topology, reader: local, bus: bus, eventLoop: eventLoop,
      noticeInterval: settings.noticeInterval)
    self.store = store
    self.bus = bus
  }

  /// Begins to serve: answers other nodes, listens to commits here and to notices of other owners.
  /// Called once, from any thread.
  package func start() {
    server.start()
    let service = context.service
    store.addCommitListener { [weak self] positions in
      guard let self else { return }
      server.grew(positions)
      guard context.hub.hasSubscribers else { return }
      var own: [UInt32: Position] = [:]
      for (shard, position) in positions where shard.service == service {
        own[shard.index] = position
      }
      if !own.isEmpty { context.hub.grew(own) }
    }
    guard let pattern = SubjectPattern("cs.notice.\(service).*") else { return }
    let subscription = bus.subscribe(pattern, queueGroup: nil) { [context] notice in
      // What this node committed is known from its own store.
      if notice.source != context.nodeID { Self.deliver(notice, to: context.hub) }
    }
    noticeSubscription.withLock { $0 = subscription }
  }

  /// Ends all tails with UNAVAILABLE, so that their clients go on at another node, and answers other
  /// nodes no more. Called from any thread; returns before the calls have ended.
  package func stop() {
    noticeSubscription.withLock { subscription in
      subscription?.cancel()
      subscription = nil
    }
    server.stop()
    context.hub.stop()
  }

  /// The handler of a call to one of the two paths, else `nil`. Called on the call's event loop.
  ///
  /// - Parameter access: which events the caller may follow.
  package func handler(
    for call: any GRPCServerCall, access: TailAccess = .all
  ) -> (any GRPCServerCallHandler)? {
    switch call.path {
    case Self.tailPath: TailCall(call: call, context: context, access: access)
    case Self.describePath: DescribeCall(call: call, context: context)
    default: nil
    }
  }

  private static func deliver(_ publication: Publication, to hub: TailHub) {
    guard hub.hasSubscribers, let last = publication.subject.text.split(separator: ".").last,
      let shard = UInt32(last),
      let notice = try? Cloudstate_Internal_Cluster_StreamNotice(decoding: publication.payload)
    else { return }
    hub.grew([shard: Position(notice.lastPosition)])
  }
}

/// What the calls of one service share.
struct StreamsContext: Sendable {
  let service: ServiceName
  let nodeID: NodeID
  let topology: any StreamTopology
  let reader: any StreamReader
  let polls: SharedPolls
  let hub: TailHub
  let settings: EventStreamsService.Settings
  let wallClock: @Sendable () -> Timestamp
  let renderJSON: @Sendable (String, [UInt8]) -> String?
  let logger: Logger

  /// The payload of an event as JSON; empty where no descriptor knows its type.
  func json(_ match: MatchedEvent) -> String {
    renderJSON(match.event.payload.typeURL, match.event.payload.value) ?? ""
  }
}
