import CloudstateEmbedded
import CloudstateSDK
import SwiftProtobuf
import TestSupport  // not shown
import Testing  // not shown

extension ServiceMethod {
  static let add: ServiceMethod = "example.Counter/Add"
  static let total: ServiceMethod = "example.Counter/Total"
}

/// Counts a start of the program; asked again with the same number, it counts nothing.
func countStart(number: Int, with client: EmbeddedClient) async throws(CallError) -> Int64 {
  let start = Example_Amount.with {
    $0.counter = "starts"
    $0.value = 1
  }
  try await client.send(
    to: .add, start, returning: Google_Protobuf_Empty.self, idempotencyKey: "start-\(number)",
    timeout: .seconds(10))
  return try await client.send(to: .total, start, returning: Example_Amount.self).value
}

private let node = EmbeddedNode(  // not shown
  descriptors: serviceDescriptors, entities: [Counter.self])  // not shown

@Suite struct InsideExample {
  @Test("The example of the article CloudstateEmbedded")
  func example() async throws {
    let folder = try TemporaryDirectory()
    let path = folder.path
    let running = Task {
      try await node.run(arguments: [
        "--service", "counter", "--data", "\(path)/data", "--listen", "127.0.0.1:0",
        "--log-level", "error",
      ])
    }
    do {
      #expect(try await countStart(number: 1, with: node.client) == 1)
      #expect(try await countStart(number: 2, with: node.client) == 2)
      #expect(try await countStart(number: 2, with: node.client) == 2)
    } catch {
      Issue.record(error)
    }
    running.cancel()
    try await running.value
  }
}
