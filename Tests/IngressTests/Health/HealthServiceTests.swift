import CloudstateProtocol
import GRPCTransport
import Ingress
import NIOCore
import NIOEmbedded
import SwiftProtobuf
import Testing

/// The gRPC health checking protocol.
@Suite struct HealthServiceTests {
  private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

  private let health = HealthService(services: ["shop.Cart"], maximumWatchers: 2)

  private func call(_ method: String, _ service: String? = "") throws -> RecordedCall {
    let call = RecordedCall("/grpc.health.v1.Health/\(method)")
    let handler = try #require(health.handler(for: call))
    handler.receive(Grpc_Health_V1_HealthCheckRequest.with { $0.service = service ?? "" }.encoded)
    handler.receiveEnd()
    return call
  }

  private func watch(
    _ service: String
  ) throws -> (call: RecordedCall, handler: any GRPCServerCallHandler) {
    let call = RecordedCall("/grpc.health.v1.Health/Watch")
    let handler = try #require(health.handler(for: call))
    handler.receive(Grpc_Health_V1_HealthCheckRequest.with { $0.service = service }.encoded)
    handler.receiveEnd()
    return (call, handler)
  }

  private func statuses(_ call: RecordedCall) throws -> [Status] {
    (call.eventLoop as? EmbeddedEventLoop)?.run()
    return try call.sent.map { try Grpc_Health_V1_HealthCheckResponse(decoding: $0).status }
  }

  @Test("Check tells whether the node takes calls, for it and for each of its services")
  func check() throws {
    for service in ["", "shop.Cart"] {
      #expect(try statuses(call("Check", service)) == [.notServing])
      health.become(serving: true)
      let serving = try call("Check", service)
      #expect(try statuses(serving) == [.serving])
      #expect(serving.status == .ok)
      health.become(serving: false)
    }
    let unknown = try call("Check", "shop.Till")
    #expect(unknown.status?.code == .notFound)
    #expect(unknown.status?.message.hasPrefix("there is no service shop.Till here") == true)
    #expect(unknown.sent.isEmpty)
  }

  @Test("List tells all of them")
  func list() throws {
    health.become(serving: true)
    let call = try call("List")
    let response = try Grpc_Health_V1_HealthListResponse(decoding: #require(call.sent.first))
    #expect(response.statuses.mapValues(\.status) == ["": .serving, "shop.Cart": .serving])
    #expect(call.status == .ok)
  }

  @Test("Watch tells the state at once, and each change once")
  func watching() throws {
    let (call, _) = try watch("shop.Cart")
    #expect(try statuses(call) == [.notServing])
    health.become(serving: true)
    health.become(serving: true)
    #expect(try statuses(call) == [.notServing, .serving])
    health.become(serving: false)
    #expect(try statuses(call) == [.notServing, .serving, .notServing])
    #expect(call.status == nil)
  }

  @Test("Of a service that is not known Watch says so and stays")
  func unknown() throws {
    let (call, _) = try watch("shop.Till")
    health.become(serving: true)
    #expect(try statuses(call) == [.serviceUnknown])
    #expect(call.status == nil)
  }

  @Test("A watcher that does not read is told only the last state")
  func backPressure() throws {
    let (call, handler) = try watch("")
    call.isWritable = false
    handler.writabilityChanged(false)
    for isServing in [true, false, true] { health.become(serving: isServing) }
    #expect(try statuses(call) == [.notServing])
    handler.writabilityChanged(true)
    #expect(try statuses(call) == [.notServing, .serving])
  }

  @Test("Watchers are bounded; one that leaves makes room")
  func bounded() throws {
    let (_, first) = try watch("")
    _ = try watch("")
    #expect(try watch("").call.status?.code == .resourceExhausted)
    first.cancelled(GRPCStatus(.cancelled))
    let (call, _) = try watch("")
    #expect(try statuses(call) == [.notServing])
  }

  @Test("A service that the caller may not know of is answered like one there is not")
  func unknownToCaller() throws {
    health.become(serving: true)
    func call(_ method: String, _ service: String) throws -> RecordedCall {
      let call = RecordedCall("/grpc.health.v1.Health/\(method)")
      let handler = try #require(health.handler(for: call) { $0 == "shop.Till" })
      handler.receive(Grpc_Health_V1_HealthCheckRequest.with { $0.service = service }.encoded)
      return call
    }
    #expect(try statuses(call("Check", "")) == [.serving])
    let till = try call("Check", "shop.Till").status
    let cart = try call("Check", "shop.Cart").status
    #expect(till?.code == .notFound)
    #expect(till?.message == cart?.message.replacing("Cart", with: "Till"))
    #expect(try statuses(call("Watch", "shop.Cart")) == [.serviceUnknown])
    let list = try call("List", "")
    let response = try Grpc_Health_V1_HealthListResponse(decoding: #require(list.sent.first))
    #expect(response.statuses.mapValues(\.status) == ["": .serving])
  }

  @Test("One connection has only so many watchers; one that leaves makes room")
  func boundedByConnection() throws {
    let health = HealthService(services: [])
    func watch(_ connection: UInt64) throws -> (RecordedCall, any GRPCServerCallHandler) {
      let call = RecordedCall("/grpc.health.v1.Health/Watch")
      call.peer.connection = connection
      let handler = try #require(health.handler(for: call))
      handler.receive(Grpc_Health_V1_HealthCheckRequest().encoded)
      return (call, handler)
    }
    let watches = try (0..<16).map { _ in try watch(7) }
    #expect(watches.allSatisfy { $0.0.status == nil })
    #expect(try watch(7).0.status?.code == .resourceExhausted)
    #expect(try watch(8).0.status == nil)
    watches[0].1.cancelled(GRPCStatus(.cancelled))
    #expect(try watch(7).0.status == nil)
    #expect(try watch(7).0.status?.code == .resourceExhausted)
  }

  @Test("A node that stops says that it serves no more, and ends all watches")
  func stopping() throws {
    health.become(serving: true)
    let (call, handler) = try watch("")
    health.stop()
    #expect(try statuses(call) == [.serving, .notServing])
    #expect(call.status?.code == .unavailable)
    handler.receiveEnd()
    #expect(call.finishes == 1)
    #expect(try watch("").call.status?.code == .unavailable)
    #expect(try statuses(self.call("Check")) == [.notServing])
  }

  @Test("Requests that are none end the call; other paths are not served")
  func malformed() throws {
    for method in ["Check", "Watch"] {
      let path = "/grpc.health.v1.Health/\(method)"
      let broken = RecordedCall(path)
      try #require(health.handler(for: broken)).receive(ByteBuffer(bytes: [0x0a, 9]))
      #expect(broken.status?.code == .invalidArgument)
      let empty = RecordedCall(path)
      try #require(health.handler(for: empty)).receiveEnd()
      #expect(empty.status?.code == .invalidArgument)
    }
    #expect(health.handler(for: RecordedCall("/grpc.health.v1.Health/Other")) == nil)
    #expect(health.handler(for: RecordedCall("/shop.Cart/Check")) == nil)
  }
}
