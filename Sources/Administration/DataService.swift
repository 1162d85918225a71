package import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
package import GRPCTransport
package import MessageBus
package import NIOCore
package import NIOPosix
package import ShardStore
import SwiftProtobuf
import Synchronization

/// The service `cloudstate.admin.Data` of a node: what is stored of entities, for people, and the batches of
/// shards, for backups.
///
/// Whoever asks may ask any node. A call about a shard is answered by the shard's owner from its store, and one
/// about the copies of replicated entities by the node that it names; a node that is neither passes the call on
/// over the bus. The node creates one instance, calls ``start()`` when its bus is open, puts ``handler(for:)``
/// into its public router, behind a check of rights, and calls ``stop()`` before it closes the bus.
package final class DataService: Sendable {
  /// How long another node may take to answer.
  package static let remoteTimeout = TimeAmount.seconds(10)

  private let service: ServiceName
  private let shardCount: UInt32
  private let topology: any DataTopology
  private let bus: any MessageBus
  private let reader: DataReader
  private let lane: ReadLane
  private let types: DataEntityTypes
  private let registration = Mutex<Subscription?>(nil)

  /// - Parameters:
  ///   - store: the node's store as its readers may see it.
  ///   - copies: the same store, with what has not been confirmed yet.
  ///   - pool: where the store's blocking reads run; started and stopped by the caller.
  ///   - types: of the entities that the user function serves.
  ///   - json: renders a payload as JSON, or answers `nil` if no descriptor knows its type. Called on threads of
  ///     the pool.
  package init(
    service: ServiceName, shardCount: UInt32, store: any ShardStore, copies: any ShardCopies,
    bus: any MessageBus, topology: any DataTopology, pool: NIOThreadPool, types: [DataEntityType],
    json: @escaping @Sendable (_ typeURL: String, _ value: [UInt8]) -> String?
  ) {
    self.service = service
    self.shardCount = shardCount
    self.topology = topology
    self.bus = bus
    self.types = DataEntityTypes(all: types)
    reader = DataReader(
      service: service, shardCount: shardCount, nodeID: bus.nodeID, store: store, copies: copies,
      topology: topology, types: self.types, json: json)
    lane = ReadLane(pool: pool)
  }

  /// Begins to answer other nodes. Called once.
  package func start() {
    let subscription = bus.serve(SubjectPattern(Self.subject)) { [weak self] request in
      guard let self else {
        return request.answer(.failure(BusError(.closed, "the node is stopping")))
      }
      answer(request)
    }
    registration.withLock { $0 = subscription }
  }

  /// Answers other nodes no more. Reads that have begun still complete.
  package func stop() {
    registration.withLock { registration in
      registration?.cancel()
      registration = nil
    }
    lane.close()
  }

  /// The handler of a call of the service, else `nil`. Called on the call's event loop.
  package func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    guard let method = DataMethod(path: call.path) else { return nil }
    return DataCallHandler(call: call, method: method, service: self)
  }

  private static let subject = Subject(tokens: ["cs", "data", "read"])

  // MARK: Answering

  /// Answers a call from here or from elsewhere. `completion` is called exactly once, on `eventLoop`.
  func answer(
    _ method: DataMethod, _ request: ByteBuffer, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<ByteBuffer, DataRefusal>) -> Void
  ) {
    do throws(DataRefusal) {
      switch try target(of: method, request) {
      case bus.nodeID: read(method, request) { result in eventLoop.execute { completion(result) } }
      case let node: ask(node, method, request, on: eventLoop, completion: completion)
      }
    } catch {
      eventLoop.execute { completion(.failure(error)) }
    }
  }

  private func read(
    _ method: DataMethod, _ request: ByteBuffer,
    completion: @escaping @Sendable (Result<ByteBuffer, DataRefusal>) -> Void
  ) {
    lane.run { [reader] in
      Result { () throws(DataRefusal) in try reader.answer(method, request) }
    } completion: {
      completion($0)
    }
  }

  /// The node that has what is asked for.
  private func target(
    of method: DataMethod, _ request: ByteBuffer
  ) throws(DataRefusal) -> NodeID {
    switch method {
    case .describe: return bus.nodeID
    case .entity:
      let asked = try request.decoded(as: Cloudstate_Admin_EntityRequest.self)
      return try owner(of: asked.type, asked.entityID)
    case .events:
      let asked = try request.decoded(as: Cloudstate_Admin_EntityEventsRequest.self)
      return try owner(of: asked.type, asked.entityID)
    case .shard:
      return try owner(of: request.decoded(as: Cloudstate_Admin_ShardStateRequest.self).shard)
    case .deltas:
      return try owner(of: request.decoded(as: Cloudstate_Admin_ShardDeltasRequest.self).shard)
    case .replicas:
      let asked = try request.decoded(as: Cloudstate_Admin_ReplicaCopiesRequest.self)
      guard let node = NodeID(asked.nodeID) else {
        throw DataRefusal(.invalidArgument, "'\(asked.nodeID.prefix(100))' is no name of a node")
      }
      return node
    }
  }

  private func owner(of type: String, _ entityID: String) throws(DataRefusal) -> NodeID {
    let type = try types.find(type)
    // A replicated entity is everywhere.
    if type.kind == .crdt { return bus.nodeID }
    let entity = EntityKey(persistenceID: type.persistenceID, entityID: entityID)
    return try owner(of: entity.shardIndex(shardCount: shardCount))
  }

  private func owner(of shard: UInt32) throws(DataRefusal) -> NodeID {
    guard shard < shardCount else {
      throw DataRefusal(
        .invalidArgument, "there is no shard \(shard): service \(service) has \(shardCount)")
    }
    guard let owner = topology.assignment(of: shard)?.primary else {
      throw DataRefusal(.unavailable, "no node owns shard \(shard) at present; try again")
    }
    return owner
  }

  // MARK: Other nodes

  private func ask(
    _ node: NodeID, _ method: DataMethod, _ request: ByteBuffer, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<ByteBuffer, DataRefusal>) -> Void
  ) {
    var message = Cloudstate_Internal_Data_DataRequest()
    message.method = method.rawValue
    message.request = Data(request.readableBytesView)
    bus.request(
      Self.subject, payload: message.encoded, to: node, timeout: Self.remoteTimeout, on: eventLoop
    ) { result in
      completion(Self.response(of: result, from: node))
    }
  }

  private static func response(
    of result: Result<ByteBuffer, BusError>, from node: NodeID
  ) -> Result<ByteBuffer, DataRefusal> {
    switch result {
    case .failure(let error):
      let code: GRPCStatus.Code = error.code == .rejected ? .internalError : .unavailable
      return .failure(DataRefusal(code, "node \(node) does not answer (\(error))"))
    case .success(let buffer):
      guard let answer = try? Cloudstate_Internal_Data_DataAnswer(decoding: buffer) else {
        return .failure(
          DataRefusal(.internalError, "node \(node) answers what cannot be understood"))
      }
      guard answer.code == 0 else {
        let code = GRPCStatus.Code(rawValue: Int(answer.code)) ?? .internalError
        return .failure(DataRefusal(code, "node \(node): \(answer.message)"))
      }
      return .success(ByteBuffer(bytes: answer.response))
    }
  }

  /// Runs on the bus thread: decodes, and leaves the rest to the pool.
  private func answer(_ request: BusRequest) {
    guard let asked = try? Cloudstate_Internal_Data_DataRequest(decoding: request.payload),
      let method = DataMethod(rawValue: asked.method)
    else {
      return request.answer(.failure(BusError(.rejected, "the call cannot be understood")))
    }
    read(method, ByteBuffer(bytes: asked.request)) { result in
      var answer = Cloudstate_Internal_Data_DataAnswer()
      switch result {
      case .success(let response): answer.response = Data(response.readableBytesView)
      case .failure(let refusal):
        answer.code = UInt32(refusal.code.rawValue)
        answer.message = refusal.message
      }
      request.answer(.success(answer.encoded))
    }
  }
}

extension ByteBuffer {
  func decoded<Message: SwiftProtobuf.Message>(
    as type: Message.Type
  ) throws(DataRefusal) -> Message {
    do {
      return try Message(decoding: self)
    } catch {
      throw DataRefusal(.invalidArgument, "the request cannot be decoded: \(error)")
    }
  }
}

/// One call. Loop-bound.
private final class DataCallHandler: GRPCServerCallHandler {
  private var call: (any GRPCServerCall)?
  private let method: DataMethod
  private let service: DataService
  private var hasRequest = false

  init(call: any GRPCServerCall, method: DataMethod, service: DataService) {
    self.call = call
    self.method = method
    self.service = service
  }

  func receive(_ message: ByteBuffer) {
    guard let call, !hasRequest else { return }
    hasRequest = true
    let bound = NIOLoopBound(self, eventLoop: call.eventLoop)
    service.answer(method, message, on: call.eventLoop) { bound.value.answered($0) }
  }

  func receiveEnd() {
    if !hasRequest { finish(GRPCStatus(.invalidArgument, "a request is needed")) }
  }

  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) { call = nil }

  private func answered(_ result: Result<ByteBuffer, DataRefusal>) {
    switch result {
    case .success(let response):
      call?.send(response)
      finish(.ok)
    case .failure(let refusal): finish(refusal.status)
    }
  }

  private func finish(_ status: GRPCStatus) {
    call?.finish(status)
    call = nil
  }
}
