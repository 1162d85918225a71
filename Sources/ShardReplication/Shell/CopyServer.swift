import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import Logging
import MessageBus
import NIOCore
import NIOPosix
import ShardStore
import SwiftProtobuf
import Synchronization

/// Keeps this node's copies as their primaries say, and lends out what they hold.
final class CopyServer: Sendable {
  /// Deltas that one fetch answers at most, in bytes.
  private static let maximumFetchBytes = 1 << 20

  private let service: ServiceName
  private let bus: any MessageBus
  private let store: any ShardCopies
  private let reader: NIOThreadPool
  private let leases: LeaseBook
  private let logger: Logger
  private let subscriptions = Mutex<[Subscription]>([])

  init(
    service: ServiceName, bus: any MessageBus, store: any ShardCopies, reader: NIOThreadPool,
    leases: LeaseBook, logger: Logger
  ) {
    self.service = service
    self.bus = bus
    self.store = store
    self.reader = reader
    self.leases = leases
    self.logger = logger
  }

  func start() {
    let serving = [
      bus.serve(SubjectPattern(.shardAppend)) { [weak self] in self?.append($0) },
      bus.serve(SubjectPattern(.shardFetch)) { [weak self] in self?.fetch($0) },
    ]
    subscriptions.withLock { $0 = serving }
  }

  func stop() {
    subscriptions.withLock { subscriptions in
      subscriptions.forEach { $0.cancel() }
      subscriptions = []
    }
  }

  // MARK: Appends

  /// Bus thread: checks, and hands over to the committer in the order of arrival.
  private func append(_ request: BusRequest) {
    guard let message = try? WireAppendRequest(decoding: request.payload) else {
      return request.answer(.failure(BusError(.rejected, "the append cannot be understood")))
    }
    let answers = PendingAnswers(count: message.appends.count, request: request)
    for (index, wire) in message.appends.enumerated() {
      let append: CopyAppend
      do throws(FormatError) {
        append = try ShardCodec.append(wire, of: service)
      } catch {
        logger.error("node \(request.source) sends an append that cannot be used: \(error)")
        var answer = WireShardAnswer()
        answer.failure = "the append cannot be used: \(error)"
        answers.set(index, answer)
        continue
      }
      let (shard, releasesLease) = (append.shard, wire.releasesLease)
      let lease = Duration.milliseconds(Int64(wire.leaseMilliseconds))
      store.append(append) { [leases] result in
        // Before the answer goes out, and before anything opens the shard that was not queued before this.
        switch result {
        case .success(.appended), .success(.mismatch):
          if releasesLease {
            leases.release(shard)
          } else {
            leases.promise(shard, for: lease, now: NIODeadline.now().uptimeNanoseconds)
          }
        case .success(.higherEpoch), .failure: break
        }
        answers.set(index, ShardCodec.message(result))
      }
    }
  }

  /// The answers to one request, which goes out when all are there.
  private final class PendingAnswers: Sendable {
    private let request: BusRequest
    private let state: Mutex<(answers: [WireShardAnswer], missing: Int)>

    init(count: Int, request: BusRequest) {
      self.request = request
      state = Mutex(([WireShardAnswer](repeating: .init(), count: count), count))
      if count == 0 { request.answer(.success(WireAppendAnswer().encoded)) }
    }

    func set(_ index: Int, _ answer: WireShardAnswer) {
      let complete: [WireShardAnswer]? = state.withLock { state in
        state.answers[index] = answer
        state.missing -= 1
        return state.missing == 0 ? state.answers : nil
      }
      guard let complete else { return }
      var message = WireAppendAnswer()
      message.answers = complete
      request.answer(.success(message.encoded))
    }
  }

  // MARK: Fetches

  private func fetch(_ request: BusRequest) {
    guard let asked = try? WireFetchRequest(decoding: request.payload),
      asked.service == service.text
    else {
      return request.answer(.failure(BusError(.rejected, "the fetch cannot be understood")))
    }
    let shard = ShardID(service: service, index: asked.shard)
    let limit = min(Int(asked.byteLimit), Self.maximumFetchBytes)
    reader.submit { [store] state in
      var answer = WireFetchAnswer()
      do throws(StoreError) {
        guard state == .active else { throw StoreError(.closed, "the node is stopping") }
        answer.deltas = try store.deltas(
          of: shard, after: Position(asked.afterPosition), byteLimit: limit
        ).map { Data($0.sealed(in: shard)) }
      } catch {
        answer.error = error.message
      }
      request.answer(.success(answer.encoded))
    }
  }
}
