import FoundationEssentials
import SwiftProtobuf
import Synchronization
import TestSupport

@testable import CloudstateSDK

/// An action with methods of all shapes that can misbehave in every way.
struct Relay: Action {
  struct Crash: Error { let secret = "the password is swordfish" }

  static let serviceName = "test.Relay"
  let probe: Probe

  var methods: ActionMethods {
    OnUnary("Now") { (context, request: Google_Protobuf_StringValue) in
      Google_Protobuf_StringValue("\(request.value) \(context.metadata["color"] ?? "none")")
    }
    OnUnary("Soon") { (context, request: Google_Protobuf_StringValue) in
      await Task.yield()
      return Google_Protobuf_StringValue("\(request.value) \(context.methodName)")
    }
    OnUnary("Ignore") { (_, _: Google_Protobuf_StringValue) in }
    OnUnary("Order") {
      (_, request: Google_Protobuf_StringValue) -> ActionAnswer<Google_Protobuf_StringValue> in
      try answer(request.value)
    }
    OnUnary("OrderSoon") {
      (_, request: Google_Protobuf_StringValue) -> ActionAnswer<Google_Protobuf_StringValue> in
      await Task.yield()
      return try answer(request.value)
    }
    OnUnary("Wait") { (_, _: Google_Protobuf_StringValue) in try await probe.waitForCancellation() }
    OnStreamedIn("Join") {
      (context, requests: ActionRequests<Google_Protobuf_StringValue>)
        -> ActionAnswer<Google_Protobuf_StringValue> in
      var texts = [context.metadata["color"] ?? "none"]
      for try await (request, metadata) in requests.withMetadata {
        if request.value == "stop" { break }
        texts.append(request.value + (metadata["mark"] ?? ""))
      }
      return try answer(texts.joined(separator: " "))
    }
    OnStreamedIn("Gate") { (_, requests: ActionRequests<Google_Protobuf_BytesValue>) in
      await probe.gate()
      for try await _ in requests { probe.count() }
      return Google_Protobuf_StringValue("\(probe.counted)")
    }
    OnStreamedIn("Take") { (_, requests: ActionRequests<Google_Protobuf_BytesValue>) in
      try await probe.observing { for try await _ in requests { probe.count() } }
    }
    OnStreamedOut("Split") { (_, request: Google_Protobuf_StringValue) in
      AsyncThrowingStream(Google_Protobuf_StringValue.self) { continuation in
        for word in request.value.split(separator: " ") {
          continuation.yield(Google_Protobuf_StringValue(String(word)))
        }
        continuation.finish()
      }
    }
    OnStreamedOut("Orders") {
      (_, request: Google_Protobuf_StringValue, replies: ActionReplies<Google_Protobuf_StringValue>)
      in
      for order in request.value.split(separator: ",") {
        try await replies.send(answer("\(order)"))
      }
    }
    OnStreamedOut("Flood") {
      (_, size: Google_Protobuf_Int64Value, replies: ActionReplies<Google_Protobuf_BytesValue>) in
      let block = Google_Protobuf_BytesValue(.init(count: 16_384))
      try await probe.observing {
        for _ in 0..<size.value {
          try await replies.send(block)
          probe.count()
        }
      }
    }
    OnStreamed("Echo") { (_, requests: ActionRequests<Google_Protobuf_StringValue>) in
      requests.map { try answer($0.value) }
    }
    OnStreamed("Shout") { (_, requests: ActionRequests<Google_Protobuf_StringValue>) in
      requests.map { Google_Protobuf_StringValue($0.value.uppercased()) }
    }
  }

  /// Does what a text says.
  private func answer(_ order: String) throws -> ActionAnswer<Google_Protobuf_StringValue> {
    switch order {
    case "throw": throw CommandFailure("no")
    case "crash": throw Crash()
    case "fail":
      .failure("refused").effect(to: "test.Tally/Add", Google_Protobuf_Int64Value(1))
    case "forward":
      .forward(to: "test.Tally/Get", Google_Protobuf_Empty(), metadata: ["why": "test"])
    case "nothing": .nothing
    case "misdirect": .forward(to: "nowhere", Google_Protobuf_Empty())
    case "effects":
      .nothing
        .effect(to: "test.Tally/Add", Google_Protobuf_Int64Value(1))
        .effect(
          to: "test.Note/Set", Google_Protobuf_StringValue("x"), synchronous: true,
          metadata: ["why": "test"])
    default: .reply(Google_Protobuf_StringValue(order), metadata: ["length": "\(order.count)"])
    }
  }

  static let service = DescribedService(
    name: "Relay",
    methods: [
      ("Now", "StringValue", "StringValue", .unary), ("Soon", "StringValue", "StringValue", .unary),
      ("Ignore", "StringValue", "Empty", .unary), ("Order", "StringValue", "StringValue", .unary),
      ("OrderSoon", "StringValue", "StringValue", .unary),
      ("Wait", "StringValue", "Empty", .unary),
      ("Join", "StringValue", "StringValue", .streamedIn),
      ("Gate", "BytesValue", "StringValue", .streamedIn),
      ("Take", "BytesValue", "Empty", .streamedIn),
      ("Split", "StringValue", "StringValue", .streamedOut),
      ("Orders", "StringValue", "StringValue", .streamedOut),
      ("Flood", "Int64Value", "BytesValue", .streamedOut),
      ("Echo", "StringValue", "StringValue", .streamed),
      ("Shout", "StringValue", "StringValue", .streamed),
    ])
}

/// What a test sees of methods of ``Relay``, and how it holds them up.
final class Probe: Sendable {
  private struct State {
    var counted = 0
    var isOpen = false
    var isRunning = false
    var isCancelled = false
  }

  private let state = Mutex(State())

  var counted: Int { state.withLock(\.counted) }
  /// Whether an observed method has begun.
  var isRunning: Bool { state.withLock(\.isRunning) }
  /// Whether an observed method was ended by a `CancellationError` in a cancelled task.
  var isCancelled: Bool { state.withLock(\.isCancelled) }

  func count() { state.withLock { $0.counted += 1 } }
  func open() { state.withLock { $0.isOpen = true } }

  /// Waits for ``open()``.
  func gate() async {
    state.withLock { $0.isRunning = true }
    while !state.withLock(\.isOpen), !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(2))
    }
  }

  func waitForCancellation() async throws {
    try await observing { try await Task.sleep(for: .seconds(600)) }
  }

  /// Takes note of how `body` ends.
  func observing(_ body: () async throws -> Void) async throws {
    state.withLock { $0.isRunning = true }
    do {
      try await body()
    } catch is CancellationError where Task.isCancelled {
      state.withLock { $0.isCancelled = true }
      throw CancellationError()
    }
  }
}
