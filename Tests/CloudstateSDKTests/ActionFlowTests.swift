import CloudstateProtocol
import FoundationEssentials
import GRPCTransport
import SwiftProtobuf
import TestSupport
import Testing

@testable import CloudstateSDK

/// Calls of actions over real sockets: who is slow holds the other up, and who goes away ends it.
@Suite struct ActionFlowTests {
  private let probe = Probe()

  private func withRelay(_ body: (UserFunctionClient) async throws -> Void) async throws {
    try await UserFunctionClient.withServer(
      descriptors: descriptors(of: Relay.service), entities: [], actions: [Relay(probe: probe)],
      body)
  }

  /// Lets everything that is on its way arrive: calls behind it on the same connection, there and back.
  private func settle(_ client: UserFunctionClient) async throws {
    for _ in 1...20 {
      _ = try await client.call(
        "/cloudstate.action.ActionProtocol/handleUnary", ActionIn.call("Now", text("a")),
        returning: ActionOut.self)
    }
  }

  @Test("A method that takes no requests makes the caller stop, and gets all of them later")
  func slowMethod() async throws {
    try await withRelay { client in
      var stream = try await client.openAction(.streamedIn)
      try await stream.send(ActionIn.header("Gate"))
      let block = try ActionIn.request(Google_Protobuf_BytesValue(.init(count: 65_536)))
      // Far more than the window of the stream and the queue before the method hold.
      for _ in 1...100 { try await stream.send(block) }
      try await eventually("the method runs") { probe.isRunning }
      try await settle(client)
      #expect(try await !stream.isWritable())
      probe.open()
      try await stream.sendEnd()
      #expect(try await (stream.receive() as ActionOut).text == "100")
      try await stream.receiveEnd()
    }
  }

  @Test("A caller that does not read makes a method stop sending, and gets everything later")
  func slowCaller() async throws {
    let total = 2000
    try await withRelay { client in
      var stream = try await client.openAction(.streamedOut)
      try await stream.setReading(false)
      try await stream.send(ActionIn.call("Flood", amount(Int64(total))))
      try await stream.sendEnd()
      // The window of the stream takes about this many.
      try await eventually("the window is full") { probe.counted >= 50 }
      try await settle(client)
      #expect(probe.counted < 200)
      try await stream.setReading(true)
      for _ in 1...total { _ = try await stream.receive() as ActionOut }
      try await stream.receiveEnd()
      #expect(probe.counted == total)
    }
  }

  @Test(
    "A caller that goes away cancels a method wherever it waits",
    arguments: [
      (MethodShape.unary, "Wait"), (.streamedIn, "Take"), (.streamedOut, "Flood"),
    ])
  func cancellation(shape: MethodShape, name: String) async throws {
    try await withRelay { client in
      let stream = try await client.openAction(shape)
      try await stream.setReading(false)
      switch shape {
      case .unary: try await stream.send(ActionIn.call(name, text("")))
      case .streamedOut: try await stream.send(ActionIn.call(name, amount(1_000_000)))
      default: try await stream.send(ActionIn.header(name))
      }
      if shape != .streamedIn { try await stream.sendEnd() }
      try await eventually("the method runs") { probe.isRunning }
      if name == "Flood" {
        try await eventually("the window is full") { probe.counted >= 50 }
        try await settle(client)
      }
      #expect(!probe.isCancelled)
      try await stream.cancel()
      try await eventually("the method is cancelled") { probe.isCancelled }
    }
  }

  @Test("A call refused in its middle cancels its method")
  func refusal() async throws {
    try await withRelay { client in
      var stream = try await client.openAction(.streamedIn)
      try await stream.send(ActionIn.header("Take"))
      try await eventually("the method runs") { probe.isRunning }
      try await stream.send(ActionIn.header("Take"))
      try await stream.receiveEnd(.invalidArgument)
      try await eventually("the method is cancelled") { probe.isCancelled }
    }
  }

  @Test("A server that stops cancels the methods that outlast its drain timeout")
  func stop() async throws {
    try await withRelay { client in
      let stream = try await client.openAction(.unary)
      try await stream.send(ActionIn.call("Wait", text("")))
      try await stream.sendEnd()
      try await eventually("the method runs") { probe.isRunning }
    }
    try await eventually("the method is cancelled") { probe.isCancelled }
  }
}
