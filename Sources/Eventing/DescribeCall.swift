import CloudstateModel
import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// One `describe` call: asks the owners of all shards for their last positions, a few at a time, and
/// answers when all have been asked. Lives on the event loop of its call.
final class DescribeCall: GRPCServerCallHandler {
  private static let maximumOutstanding = 16

  private let context: StreamsContext
  private let eventLoop: any EventLoop
  private var call: (any GRPCServerCall)?
  private var response: Cloudstate_Streams_DescribeResponse?
  private var nextShard: UInt32 = 0
  private var answered = 0

  init(call: any GRPCServerCall, context: StreamsContext) {
    self.call = call
    self.context = context
    eventLoop = call.eventLoop
  }

  func receive(_ message: ByteBuffer) {
    guard response == nil else { return }
    let topology = context.topology
    response = .with {
      $0.service = context.service.text
      $0.nodeID = context.nodeID.text
      $0.shardCount = topology.shardCount
      $0.planNumber = topology.planNumber
      $0.shards = (0..<topology.shardCount).map { index in
        let assignment = topology.assignment(of: index)
        return .with {
          $0.shard = index
          $0.primary = assignment?.primary.text ?? ""
          $0.epoch = assignment?.epoch.number ?? 0
        }
      }
      $0.nodes = topology.members.map { member in
        .with {
          $0.nodeID = member.node.text
          $0.publicAddress = member.publicAddress
          $0.liveness = member.liveness
        }
      }
    }
    for _ in 0..<Self.maximumOutstanding { askNext() }
  }

  func receiveEnd() {
    if response == nil {
      call?.finish(GRPCStatus(.invalidArgument, "a describe request is needed"))
      call = nil
    }
  }

  func writabilityChanged(_ isWritable: Bool) {}

  func cancelled(_ status: GRPCStatus) { call = nil }

  private func askNext() {
    guard call != nil, nextShard < context.topology.shardCount else { return }
    let shard = nextShard
    nextShard += 1
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    context.reader.lastPosition(
      of: ShardID(service: context.service, index: shard), on: eventLoop
    ) { result in
      bound.value.record(result, of: shard)
    }
  }

  private func record(_ result: Result<Position, StreamReadFailure>, of shard: UInt32) {
    switch result {
    case .success(let position): response?.shards[Int(shard)].lastPosition = position.number
    case .failure(let failure): response?.shards[Int(shard)].error = failure.message
    }
    answered += 1
    guard answered == Int(context.topology.shardCount) else { return askNext() }
    guard let call, let response else { return }
    self.call = nil
    call.send(response.encoded)
    call.finish(.ok)
  }
}
