import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import MessageBus
import NIOCore
import ShardStore
import SwiftProtobuf

/// Brings batches that another copy has, and this node as a new primary lacks, into this node's store.
struct CopyFetcher: Sendable {
  let service: ServiceName
  let bus: any MessageBus
  let store: any ShardCopies
  let settings: ShardReplicationSettings

  /// Fetches one page and appends it. `completion` gets the new end of this node's copy, on `eventLoop`.
  func fetch(
    _ shard: ShardID, from node: NodeID, after: Position, afterEpoch: Epoch, epoch: Epoch,
    on eventLoop: any EventLoop,
    completion: @escaping @Sendable (Result<ShardEnd, StoreError>) -> Void
  ) {
    var request = WireFetchRequest()
    request.service = service.text
    request.shard = shard.index
    request.epoch = epoch.number
    request.afterPosition = after.number
    request.byteLimit = UInt32(clamping: settings.pageBytes)
    bus.request(
      .shardFetch, payload: request.encoded, to: node,
      timeout: .nanoseconds(Int64(clamping: settings.appendTimeout.asNanoseconds)), on: eventLoop
    ) { [store] result in
      let deltas: [ShardDelta]
      do throws(StoreError) {
        deltas = try Self.deltas(result, of: shard, by: node)
      } catch {
        return completion(.failure(error))
      }
      guard let last = deltas.last else {
        return completion(
          .failure(StoreError(.readFailed, "node \(node) lends no batches of shard \(shard)")))
      }
      let append = CopyAppend(
        shard: shard, epoch: epoch, after: after, afterEpoch: afterEpoch, deltas: deltas,
        isOwn: true)
      store.append(append) { result in
        eventLoop.execute { completion(Self.end(result, last)) }
      }
    }
  }

  private static func end(
    _ result: Result<CopyAppendOutcome, StoreError>, _ last: ShardDelta
  ) -> Result<ShardEnd, StoreError> {
    switch result {
    case .failure(let error): .failure(error)
    case .success(.appended(let position)) where position != last.position:
      .failure(StoreError(.readFailed, "not all of what was fetched is in this node's copy"))
    case .success(.appended):
      .success(ShardEnd(position: last.position, epoch: last.epoch, time: last.time))
    case .success(.mismatch(let end)): .success(end)
    case .success(.higherEpoch(let seen)):
      .failure(StoreError(.staleEpoch, "epoch \(seen) of the shard was seen"))
    }
  }

  private static func deltas(
    _ result: Result<ByteBuffer, BusError>, of shard: ShardID, by node: NodeID
  ) throws(StoreError) -> [ShardDelta] {
    let answer: WireFetchAnswer
    do {
      answer = try WireFetchAnswer(decoding: result.get())
    } catch {
      throw StoreError(.readFailed, "node \(node) lends no batches of shard \(shard): \(error)")
    }
    guard answer.error.isEmpty else { throw StoreError(.readFailed, answer.error) }
    do throws(FormatError) {
      var deltas: [ShardDelta] = []
      for bytes in answer.deltas { deltas.append(try ShardDelta.open(Array(bytes), in: shard)) }
      return deltas
    } catch {
      throw StoreError(
        .readFailed, "node \(node) lends a batch of shard \(shard) that cannot be used: \(error)")
    }
  }
}
