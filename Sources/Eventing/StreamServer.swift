package import CloudstateModel
import CloudstateProtocol
package import MessageBus
package import NIOCore
import ShardStore
import SwiftProtobuf
import Synchronization

/// Lets other nodes read the streams of the shards this node owns, and tells them when those grow.
///
/// Shards of other owners are refused: a copy that lags would show an end that is none.
package final class StreamServer: Sendable {
  /// The largest page another node may ask for, in bytes.
  package static let maximumByteLimit = 1 << 20

  private let service: ServiceName
  private let nodeID: NodeID
  private let topology: any StreamTopology
  private let reader: LocalStreamReader
  private let bus: any MessageBus
  private let eventLoop: any EventLoop
  private let notices: Mutex<NoticeCoalescer>
  private let registration = Mutex<Subscription?>(nil)

  /// - Parameters:
  ///   - eventLoop: where delayed notices are sent from.
  ///   - noticeInterval: the least time between two notices; higher saves messages, lower makes remote
  ///     tails see events sooner under load.
  package init(
    service: ServiceName, topology: any StreamTopology, reader: LocalStreamReader,
    bus: any MessageBus, eventLoop: any EventLoop, noticeInterval: TimeAmount
  ) {
    self.service = service
    nodeID = bus.nodeID
    self.topology = topology
    self.reader = reader
    self.bus = bus
    self.eventLoop = eventLoop
    notices = Mutex(NoticeCoalescer(interval: noticeInterval))
  }

  /// Begins to answer. Called once.
  package func start() {
    guard let pattern = SubjectPattern("cs.stream.\(service).*") else { return }
    let subscription = bus.serve(pattern) { [weak self] request in
      guard let self else {
        request.answer(.failure(BusError(.closed, "the node is shutting down")))
        return
      }
      answer(request)
    }
    registration.withLock { $0 = subscription }
  }

  /// Answers no more. Reads that have begun still complete.
  package func stop() {
    registration.withLock { registration in
      registration?.cancel()
      registration = nil
    }
  }

  /// Tells the other nodes of shards that grew. Called on the committer thread; does not block.
  package func grew(_ positions: [ShardID: Position]) {
    var own: [UInt32: UInt64] = [:]
    for (shard, position) in positions where isOwn(shard) { own[shard.index] = position.number }
    let action = notices.withLock { $0.grew(own, now: .now()) }
    switch action {
    case .none: break
    case .takeNow: publishNotices()
    case .take(let deadline):
      eventLoop.scheduleTask(deadline: deadline) { [weak self] in self?.publishNotices() }
    }
  }

  private func publishNotices() {
    let due = notices.withLock { $0.take(now: .now()) }
    for (index, position) in due {
      let notice = Cloudstate_Internal_Cluster_StreamNotice.with { $0.lastPosition = position }
      bus.publish(.notice(ShardID(service: service, index: index)), payload: notice.encoded)
    }
  }

  private func isOwn(_ shard: ShardID) -> Bool {
    shard.service == service && topology.owner(of: shard.index) == nodeID
  }

  /// Runs on the bus thread: decodes, and leaves the rest to the pool.
  private func answer(_ request: BusRequest) {
    guard let asked = try? WireReadRequest(decoding: request.payload) else {
      request.answer(.failure(BusError(.rejected, "the stream read cannot be understood")))
      return
    }
    let shard = ShardID(service: service, index: asked.shard)
    guard asked.service == service.text, isOwn(shard) else {
      let response = WireReadResponse.with { $0.error = "does not own shard \(asked.shard)" }
      Self.respond(to: request, with: response)
      return
    }
    reader.run({ store throws(StoreError) in
      try Self.response(to: asked, of: shard, in: store)
    }) { result in
      switch result {
      case .success(let response): Self.respond(to: request, with: response)
      case .failure(let failure):
        Self.respond(to: request, with: .with { $0.error = failure.message })
      }
    }
  }

  private static func response(
    to asked: WireReadRequest, of shard: ShardID, in store: any ShardStore
  ) throws(StoreError) -> WireReadResponse {
    var response = WireReadResponse()
    if asked.locateSinceUnixMilliseconds != 0 {
      let since = Timestamp(unixMilliseconds: asked.locateSinceUnixMilliseconds)
      response.locatedPosition = try store.firstPosition(of: shard, since: since).number
    } else {
      guard asked.afterPosition < .max else {
        throw StoreError(.readFailed, "no shard has a position \(asked.afterPosition)")
      }
      let page = try LocalStreamReader.page(
        of: shard, after: Position(asked.afterPosition),
        byteLimit: min(Int(asked.byteLimit), maximumByteLimit), in: store)
      response.batches = page.batches.map(WireBatch.init)
      response.lastPosition = page.lastPosition.number
    }
    return response
  }

  private static func respond(to request: BusRequest, with response: WireReadResponse) {
    request.answer(.success(response.encoded))
  }
}
