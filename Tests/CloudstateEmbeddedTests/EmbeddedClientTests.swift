import CloudstateEmbedded
import CloudstateSDK
import Foundation
import SwiftProtobuf
import TCKModelSample
import TCKProtocol
import TestSupport
import Testing

private typealias Request = Cloudstate_Tck_Model_Request
private typealias Response = Cloudstate_Tck_Model_Response

@Suite("Commands from inside a node")
struct EmbeddedClientTests {
  private let folder: TemporaryDirectory
  private let node = Self.makeNode()

  init() throws { folder = try TemporaryDirectory() }

  private static func makeNode() -> EmbeddedNode {
    EmbeddedNode(
      descriptors: Sample.descriptors, entities: Sample.entities, actions: Sample.actions)
  }

  private var arguments: [String] {
    [
      "--service", "model", "--data", "\(folder.path)/node", "--listen", "127.0.0.1:0",
      "--shards", "4", "--log-level", "error",
    ]
  }

  /// Runs a node, if not another one the suite's, while `body` runs, and stops it.
  private func withNode(
    _ other: EmbeddedNode? = nil, _ body: (EmbeddedClient) async throws -> Void
  ) async throws {
    let arguments = arguments
    let node = other ?? node
    let running = Task { try await node.run(arguments: arguments) }
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await body(node.client))
    } catch {
      outcome = .failure(error)
    }
    running.cancel()
    try await running.value
    try outcome.get()
  }

  private func emit(
    _ text: String, to id: String = "a", key: String? = nil, with client: EmbeddedClient
  ) async throws -> String {
    try await client.send(
      to: "cloudstate.tck.model.EventSourcedTckModel/Process",
      Request.with {
        $0.id = id
        $0.actions = [.with { $0.emit.value = text }]
      }, returning: Response.self, idempotencyKey: key, timeout: .seconds(30)
    ).message
  }

  @Test("A call made before the node runs is answered, and events are kept over a restart")
  func commands() async throws {
    let early = Task { [node] in try await emit("1", with: node.client) }
    try await withNode { client in
      let first = try await early.value
      #expect(first == "1")
      let state = try await emit("2", with: client)
      #expect(state == "12")
    }
    // One that has stopped fails calls until it has begun again; a new one lets them wait.
    try await withNode(Self.makeNode()) { client in
      let state = try await emit("3", with: client)
      #expect(state == "123")
    }
  }

  @Test("A repeated idempotency key gets the same answer and no second event")
  func idempotency() async throws {
    try await withNode { client in
      let answers = [
        try await emit("1", key: "k", with: client), try await emit("1", key: "k", with: client),
        try await emit("2", with: client),
      ]
      #expect(answers == ["1", "1", "12"])
      await #expect {
        try await emit("other", key: "k", with: client)
      } throws: { error in
        (error as? CallError)?.nodeCode == "idempotency-key-reused"
          && (error as? CallError)?.code == .failedPrecondition
      }
    }
  }

  @Test("An entity's refusal is its own text; a forward is followed")
  func outcomes() async throws {
    try await withNode { client in
      await #expect(throws: CallError(code: .unknown, message: "no")) {
        try await client.send(
          to: "cloudstate.tck.model.EventSourcedTckModel/Process",
          Request.with {
            $0.id = "a"
            $0.actions = [.with { $0.fail.message = "no" }]
          }, returning: Response.self)
      }
      let forwarded = try await client.send(
        to: "cloudstate.tck.model.EventSourcedTckModel/Process",
        Request.with {
          $0.id = "a"
          $0.actions = [.with { $0.forward.id = "b" }]
        }, returning: Response.self)
      #expect(forwarded.message.isEmpty)
      await #expect {
        _ = try await client.send(to: "no.Service/At", Request(), returning: Response.self)
      } throws: { error in
        (error as? CallError)?.code == .unimplemented
      }
    }
  }

  @Test("After the node has stopped, calls fail at once, and say so")
  func stopped() async throws {
    try await withNode { client in _ = try await emit("1", with: client) }
    await #expect {
      try await emit("2", with: node.client)
    } throws: { error in
      let error = error as? CallError
      return error?.nodeCode == "stopping" && error?.code == .unavailable
        && error?.isRetryable == true
    }
  }

  @Test("A node that could not start fails the calls that wait for it")
  func failedStart() async throws {
    let early = Task { [node] in try await emit("1", with: node.client) }
    await #expect(throws: EmbeddedNode.Failure.self) {
      try await node.run(arguments: arguments + ["--shards", "0"])
    }
    await #expect {
      try await early.value
    } throws: { error in
      (error as? CallError)?.nodeCode == "stopping"
    }
  }

  @Test("A node does not run twice at a time")
  func twice() async throws {
    try await withNode { client in
      _ = try await emit("1", with: client)
      await #expect {
        try await node.run(arguments: arguments)
      } throws: { error in
        (error as? EmbeddedNode.Failure)?.description.contains("runs already") == true
      }
      let state = try await emit("2", with: client)
      #expect(state == "12")
    }
  }

  @Test("Streams of an action come whole, can be left early, and carry errors")
  func streams() async throws {
    func replies(
      _ texts: [String], with client: EmbeddedClient
    ) -> CallReplies<Cloudstate_Tck_Model_Action_Response> {
      client.stream(
        from: "cloudstate.tck.model.action.ActionTckModel/ProcessStreamedOut",
        Cloudstate_Tck_Model_Action_Request.with {
          $0.groups = texts.map { text in
            .with { $0.steps = [.with { $0.reply.message = text }] }
          }
        })
    }
    // More than is buffered anywhere between the two ends.
    let texts = (0..<1000).map(String.init)
    try await withNode { client in
      let stream = replies(texts, with: client)
      var received: [String] = []
      for try await reply in stream { received.append(reply.message) }
      #expect(received == texts)
      for try await reply in stream {
        #expect(reply.message == "0")
        break
      }
      let failing = client.stream(
        from: "cloudstate.tck.model.action.ActionTckModel/ProcessStreamedOut",
        Cloudstate_Tck_Model_Action_Request.with {
          $0.groups = [.with { $0.steps = [.with { $0.fail.message = "no" }] }]
        }, returning: Cloudstate_Tck_Model_Action_Response.self)
      await #expect(throws: CallError(code: .unknown, message: "no")) {
        for try await _ in failing {}
      }
    }
  }

  @Test("Many tasks at once, each with its own entity")
  func concurrency() async throws {
    try await withNode { client in
      try await withThrowingTaskGroup { group in
        for number in 0..<100 {
          group.addTask {
            for step in 1...5 {
              let state = try await emit("x", to: "many-\(number)", with: client)
              #expect(state == String(repeating: "x", count: step))
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
