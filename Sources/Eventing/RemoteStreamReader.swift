package import CloudstateModel
import CloudstateProtocol
package import MessageBus
package import NIOCore
import ShardStore
import SwiftProtobuf

/// Reads the stream of a shard by asking the node that owns it over the bus.
package struct RemoteStreamReader: Sendable {
  private let bus: any MessageBus
  /// How long an owner may take to answer.
  private let timeout: TimeAmount

  package init(bus: any MessageBus, timeout: TimeAmount) {
    self.bus = bus
    self.timeout = timeout
  }

  /// As ``StreamReader/read(_:after:byteLimit:on:completion:)``, from `owner`.
  package func read(
    _ shard: ShardID, from owner: NodeID, after: Position, byteLimit: Int,
    on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<StreamPage, StreamReadFailure>) -> Void
  ) {
    var request = Self.request(shard)
    request.afterPosition = after.number
    request.byteLimit = UInt32(clamping: byteLimit)
    ask(request, shard, owner, on: eventLoop) { result in
      completion(
        result.map { response in
          StreamPage(
            batches: response.batches.map(\.batch), lastPosition: Position(response.lastPosition))
        })
    }
  }

  /// As ``StreamReader/lastPosition(of:on:completion:)``, from `owner`.
  package func lastPosition(
    of shard: ShardID, from owner: NodeID, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void
  ) {
    ask(Self.request(shard), shard, owner, on: eventLoop) { result in
      completion(result.map { Position($0.lastPosition) })
    }
  }

  /// As ``StreamReader/locate(_:since:on:completion:)``, from `owner`.
  package func locate(
    _ shard: ShardID, from owner: NodeID, since: Timestamp, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<Position, StreamReadFailure>) -> Void
  ) {
    var request = Self.request(shard)
    // Zero would mean "unset"; nothing was committed in 1970.
    request.locateSinceUnixMilliseconds = max(since.unixMilliseconds, 1)
    ask(request, shard, owner, on: eventLoop) { result in
      completion(result.map { Position($0.locatedPosition) })
    }
  }

  private static func request(_ shard: ShardID) -> WireReadRequest {
    .with {
      $0.service = shard.service.text
      $0.shard = shard.index
    }
  }

  private func ask(
    _ request: WireReadRequest, _ shard: ShardID, _ owner: NodeID, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<WireReadResponse, StreamReadFailure>) -> Void
  ) {
    bus.request(
      .streamRead(shard), payload: request.encoded, to: owner, timeout: timeout, on: eventLoop
    ) { result in
      completion(Self.response(from: result, owner: owner))
    }
  }

  private static func response(
    from result: Result<ByteBuffer, BusError>, owner: NodeID
  ) -> Result<WireReadResponse, StreamReadFailure> {
    switch result {
    case .failure(let error):
      return .failure(StreamReadFailure("node \(owner) does not answer (\(error))"))
    case .success(let buffer):
      guard let response = try? WireReadResponse(decoding: buffer) else {
        return .failure(StreamReadFailure("node \(owner) answers what cannot be understood"))
      }
      guard response.error.isEmpty else {
        return .failure(StreamReadFailure("node \(owner): \(response.error)"))
      }
      return .success(response)
    }
  }
}
