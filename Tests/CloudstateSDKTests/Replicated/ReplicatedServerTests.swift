import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import Testing

@testable import CloudstateSDK

/// Replicated entities over real sockets.
@Suite struct ReplicatedServerTests {
  private func withBoard(_ body: (UserFunctionClient) async throws -> Void) async throws {
    try await UserFunctionClient.withServer(
      descriptors: descriptors(of: Board.service), entities: [Board.self], body)
  }

  private func shown(_ action: Cloudstate_ClientAction) throws -> String {
    try Google_Protobuf_StringValue(unpackingAny: action.reply.payload).value
  }

  @Test("Discovery reports the kind")
  func discovery() async throws {
    try await withBoard { client in
      let spec = try await client.call(
        "/cloudstate.EntityDiscovery/discover", Cloudstate_ProxyInfo(),
        returning: Cloudstate_EntitySpec.self)
      let entity = try #require(spec.entities.first)
      #expect(entity.entityType == "cloudstate.crdt.Crdt")
      #expect(entity.serviceName == "test.Board")
      #expect(entity.persistenceID == "board")
      #expect(entity.passivationStrategy.timeout.timeout == 250)
    }
  }

  @Test("Commands, streams, changes and cancellations on one stream, until the sidecar ends it")
  func stream() async throws {
    try await withBoard { client in
      var stream = try await client.openReplicatedEntity()
      try await stream.send(ReplicatedIn.start(.orset(added: ["a"])))
      try await stream.send(ReplicatedIn.watch(1))
      var output: ReplicatedOut = try await stream.receive()
      #expect(output.reply.streamed)
      #expect(try shown(output.reply.clientAction) == "a")
      try await stream.send(ReplicatedIn.command(2, "Add", text("b")))
      output = try await stream.receive()
      #expect(output.reply.commandID == 2)
      #expect(ReplicatedDelta(output.reply.stateAction.update) == .orset(added: ["b"]))
      output = try await stream.receive()
      #expect(output.streamedMessage.commandID == 1)
      #expect(try shown(output.streamedMessage.clientAction) == "one 1: a,b")
      try await stream.send(ReplicatedIn.delta(.orset(removed: ["a"])))
      output = try await stream.receive()
      #expect(try shown(output.streamedMessage.clientAction) == "one 2: b")
      try await stream.send(ReplicatedIn.cancelled(1))
      output = try await stream.receive()
      #expect(output.streamCancelledResponse.commandID == 1)
      #expect(!output.streamCancelledResponse.hasStateAction)
      try await stream.send(ReplicatedIn.delete)
      try await stream.sendEnd()
      try await stream.receiveEnd()
    }
  }

  @Test("A broken stream ends with a failure for the whole of it; others go on")
  func broken() async throws {
    try await withBoard { client in
      var other = try await client.openReplicatedEntity()
      try await other.send(ReplicatedIn.start(entityID: "two"))
      var stream = try await client.openReplicatedEntity()
      try await stream.send(ReplicatedIn.start())
      try await stream.send(ReplicatedIn.command(1, "Crash"))
      let output: ReplicatedOut = try await stream.receive()
      #expect(output.failure.commandID == 0)
      #expect(output.failure.description_p.contains("Crash"))
      try await stream.receiveEnd()
      try await other.send(ReplicatedIn.command(1, "Add", text("a"), entityID: "two"))
      let reply: ReplicatedOut = try await other.receive()
      #expect(try shown(reply.reply.clientAction) == "a")

      var garbage = try await client.openReplicatedEntity()
      try await garbage.send(bytes: [0xff, 0xff])
      let failure: ReplicatedOut = try await garbage.receive()
      #expect(failure.failure.description_p.contains("could not be read"))
      try await garbage.receiveEnd()
    }
  }
}
