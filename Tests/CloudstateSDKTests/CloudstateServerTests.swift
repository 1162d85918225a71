import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import Testing

@testable import CloudstateSDK

/// The two services over real sockets.
@Suite struct CloudstateServerTests {
  private func number(in reply: StreamOut) throws -> Int64 {
    try Google_Protobuf_Int64Value(unpackingAny: reply.reply.clientAction.reply.payload).value
  }

  @Test("Discovery names the library, the protocol, the entities, and carries the descriptors")
  func discovery() async throws {
    let descriptors = try descriptors()
    try await UserFunctionClient.withServer(descriptors: descriptors) { client in
      let spec = try await client.call(
        "/cloudstate.EntityDiscovery/discover",
        Cloudstate_ProxyInfo.with {
          $0.protocolMinorVersion = 2
          $0.supportedEntityTypes = ["cloudstate.eventsourced.EventSourced"]
        },
        returning: Cloudstate_EntitySpec.self)
      #expect(Array(spec.proto) == descriptors)
      #expect(spec.entities.count == 1)
      let entity = try #require(spec.entities.first)
      #expect(entity.entityType == "cloudstate.eventsourced.EventSourced")
      #expect(entity.serviceName == "test.Tally")
      #expect(entity.persistenceID == "tally")
      #expect(entity.passivationStrategy.timeout.timeout == 1500)
      #expect(spec.serviceInfo.serviceName == "tallies")
      #expect(spec.serviceInfo.serviceVersion == "7")
      #expect(spec.serviceInfo.supportLibraryName == "cloudstate-swift-support")
      #expect(!spec.serviceInfo.supportLibraryVersion.isEmpty)
      #expect(spec.serviceInfo.protocolMajorVersion == 0)
      #expect(spec.serviceInfo.protocolMinorVersion == 2)
    }
  }

  @Test("A reported error is acknowledged; garbage, no message and unknown methods are refused")
  func unaryCalls() async throws {
    try await UserFunctionClient.withServer(descriptors: descriptors()) { client in
      _ = try await client.call(
        "/cloudstate.EntityDiscovery/reportError",
        Cloudstate_UserFunctionError.with { $0.message = "a test's report" },
        returning: Google_Protobuf_Empty.self)

      var garbage = try await client.open("/cloudstate.EntityDiscovery/discover")
      try await garbage.send(bytes: [0xff, 0xff, 0xff])
      try await garbage.receiveEnd(.invalidArgument)

      var empty = try await client.open("/cloudstate.EntityDiscovery/discover")
      try await empty.sendEnd()
      try await empty.receiveEnd(.invalidArgument)

      var unknown = try await client.open("/cloudstate.function.StatelessFunction/handleUnary")
      try await unknown.send(Google_Protobuf_Empty())
      try await unknown.receiveEnd(.unimplemented)
    }
  }

  @Test("A stream replays, answers commands in order, and ends when the sidecar passivates")
  func stream() async throws {
    try await UserFunctionClient.withServer(descriptors: descriptors()) { client in
      var entity = try await client.openEntity()
      try await entity.send(StreamIn.start(snapshot: (2, amount(10))))
      try await entity.send(StreamIn.event(3, amount(1)))
      for id in 1...3 as ClosedRange<Int64> {
        try await entity.send(StreamIn.command(id, "Add", amount(1)))
      }
      var replies: [StreamOut] = []
      for _ in 1...3 { replies.append(try await entity.receive()) }
      #expect(replies.map(\.reply.commandID) == [1, 2, 3])
      #expect(try replies.map(number(in:)) == [12, 13, 14])
      #expect(replies.map(\.reply.hasSnapshot) == [false, false, true])
      try await entity.sendEnd()
      try await entity.receiveEnd()
    }
  }

  @Test("A failed command leaves its stream open, one that emitted before asks for a restart")
  func failures() async throws {
    try await UserFunctionClient.withServer(descriptors: descriptors()) { client in
      var entity = try await client.openEntity()
      try await entity.send(StreamIn.start())
      try await entity.send(StreamIn.command(1, "Fail", Google_Protobuf_StringValue("no")))
      let regular: StreamOut = try await entity.receive()
      #expect(regular.reply.clientAction.failure.description_p == "no")
      #expect(!regular.reply.clientAction.failure.restart)
      try await entity.send(StreamIn.command(2, "AddThenFail", amount(1)))
      let restart: StreamOut = try await entity.receive()
      #expect(restart.reply.clientAction.failure.restart)
      try await entity.sendEnd()
      try await entity.receiveEnd()

      var fresh = try await client.openEntity()
      try await fresh.send(StreamIn.start())
      try await fresh.send(StreamIn.command(1, "Get"))
      #expect(try number(in: await fresh.receive()) == 0)
    }
  }

  @Test("What breaks a stream is answered with a failure and the end, and hurts no other stream")
  func brokenStreams() async throws {
    try await UserFunctionClient.withServer(descriptors: descriptors()) { client in
      var healthy = try await client.openEntity()
      try await healthy.send(StreamIn.start())

      let breaking: [(message: [UInt8], commandID: Int64, text: String)] = [
        (try StreamIn.command(4, "Multiply").serializedBytes(), 4, "'Multiply'"),
        (try StreamIn.command(5, "Get", entityID: "two").serializedBytes(), 5, "'two'"),
        ([0xff, 0x00, 0xff], 0, "could not be read"),
        ([], 0, "neither"),
      ]
      for (message, commandID, text) in breaking {
        var entity = try await client.openEntity()
        try await entity.send(StreamIn.start())
        try await entity.send(bytes: message)
        let answer: StreamOut = try await entity.receive()
        #expect(answer.failure.commandID == commandID)
        #expect(answer.failure.description_p.contains(text), "\(answer.failure.description_p)")
        try await entity.receiveEnd()
      }

      try await healthy.send(StreamIn.command(1, "Add", amount(1)))
      #expect(try number(in: await healthy.receive()) == 1)
    }
  }

  @Test("A server that cannot start says why")
  func startFailures() async throws {
    let server = CloudstateServer(
      descriptors: try descriptors(service: "Other"), entities: [Tally.self])
    await #expect(throws: CloudstateServer.ConfigurationError.self) {
      try await server.serve(CloudstateServer.Configuration()) { _ in
        Issue.record("the server started")
      }
    }
    var unreachable = CloudstateServer.Configuration()
    unreachable.address = .unix(path: "/nonexistent/folder/socket")
    let tally = CloudstateServer(descriptors: try descriptors(), entities: [Tally.self])
    let error = await #expect(throws: CloudstateServer.ConfigurationError.self) {
      try await tally.serve(unreachable) { _ in Issue.record("the server started") }
    }
    #expect(error?.description.contains("unix:/nonexistent/folder/socket") == true)
  }

  @Test("Streams that stay open do not keep a stopping server longer than its drain timeout")
  func drain() async throws {
    let start = ContinuousClock.now
    try await UserFunctionClient.withServer(descriptors: descriptors()) { client in
      let entity = try await client.openEntity()
      try await entity.send(StreamIn.start())
    }
    #expect(ContinuousClock.now - start < .seconds(5))
  }
}
