import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf
import TCKProtocol

/// Section 10.1: headers of requests and metadata of replies (proxy-behaviour 4.4 and 5). The kit plays
/// the function.
let metadataCases: [TestCase] = [
  metadata(
    "MD1", "Request headers reach an action",
    """
    a unary call with x-tck-first and x-tck-second: the command has both as string entries in this \
    order, and neither pseudo headers nor content-type
    """
  ) { scene throws(CaseFailure) in
    var headers = GRPCMetadata()
    headers.add("x-tck-first", "one")
    headers.add("x-tck-second", "two")
    let call = scene.call(unaryMethod, Request(), metadata: headers)
    let stream = try await scene.accept(ActionMessages.path(.unary))
    let command: Command = try await scene.message(stream, "a command")
    let entries = command.metadata.entries
    let mine = entries.filter { $0.key.hasPrefix("x-tck") }.map { "\($0.key): \($0.stringValue)" }
    guard mine == ["x-tck-first: one", "x-tck-second: two"] else {
      throw scene.failure("x-tck-first: one, x-tck-second: two", mine.joined(separator: ", "))
    }
    let foreign = entries.map(\.key).filter { key in
      key.hasPrefix(":") || ["content-type", "content-length"].contains(key.lowercased())
    }
    guard foreign.isEmpty else {
      throw scene.failure("no pseudo headers and no content type", foreign.joined(separator: ", "))
    }
    answer(stream, "done")
    _ = try await call.reply()
  },
  metadata(
    "MD2", "Reply metadata becomes response headers",
    "the reply has the string entry x-tck-answer: the client gets it as a response header"
  ) { scene throws(CaseFailure) in
    async let answered = scene.client?.unaryResult(
      path: "/\(unaryMethod)", message: Request().encoded, timeout: scene.limit)
    let stream = try await scene.accept(ActionMessages.path(.unary))
    let _: Command = try await scene.message(stream, "a command")
    var response = ActionMessages.response("done")
    response.reply.metadata.entries = [
      .with {
        $0.key = "x-tck-answer"
        $0.stringValue = "yes"
      }
    ]
    stream.send(response)
    stream.finish()
    switch await answered {
    case .success(let reply):
      let found = reply.headers["x-tck-answer"]
      if found != "yes" {
        throw scene.failure(
          "the response header x-tck-answer: yes", found.map { "x-tck-answer: \($0)" } ?? "none")
      }
    case .failure(let error): throw scene.failure("a reply", "the gRPC error \(error.status)")
    case nil: throw scene.failure("a reply", "no proxy")
    }
  },
  metadata(
    "MD3", "Request headers of a stream are on its first message",
    """
    a streamed-in call with x-tck-first: the header command has it, the payload command has no metadata \
    of the request
    """
  ) { scene throws(CaseFailure) in
    var headers = GRPCMetadata()
    headers.add("x-tck-first", "one")
    let call = scene.call(
      "\(ActionMessages.service)/ProcessStreamedIn", Request(), metadata: headers)
    let stream = try await scene.accept(ActionMessages.path(.streamedIn))
    for (what, wanted) in [("header", true), ("payload", false)] {
      let command: Command = try await scene.message(stream, "the \(what)")
      let found = command.metadata.entries.contains { $0.key == "x-tck-first" }
      guard found == wanted else {
        throw scene.failure(
          "the \(what) \(wanted ? "with" : "without") x-tck-first", found ? "with it" : "without it"
        )
      }
    }
    answer(stream, "done")
    _ = try await call.reply()
  },
  metadata(
    "MD4", "Metadata of a forward reaches its target, headers of the client do not",
    """
    a unary call with x-tck-first is forwarded with the entry x-tck-forward: the command of ActionTwo has \
    the second and not the first
    """
  ) { scene throws(CaseFailure) in
    var headers = GRPCMetadata()
    headers.add("x-tck-first", "one")
    let call = scene.call(unaryMethod, Request(), metadata: headers)
    let stream = try await scene.accept(ActionMessages.path(.unary))
    let _: Command = try await scene.message(stream, "a command")
    var response = Cloudstate_Action_ActionResponse()
    response.forward = ActionMessages.vocabulary.forward("other")
    response.forward.metadata.entries = [
      .with {
        $0.key = "x-tck-forward"
        $0.stringValue = "yes"
      }
    ]
    stream.send(response)
    stream.finish()
    let target = try await scene.accept(ActionMessages.path(.unary))
    let command: Command = try await scene.message(target, "a command")
    let keys = command.metadata.entries.map(\.key).filter { $0.hasPrefix("x-tck") }
    guard command.serviceName == ActionMessages.vocabulary.targetService, keys == ["x-tck-forward"]
    else {
      throw scene.failure(
        "\(ActionMessages.vocabulary.targetService) with x-tck-forward",
        "\(command.serviceName) with \(keys.joined(separator: ", "))")
    }
    answer(target, "done")
    _ = try await call.reply()
  },
]

private typealias Request = Cloudstate_Tck_Model_Action_Request
private typealias Command = Cloudstate_Action_ActionCommand

private let unaryMethod = "\(ActionMessages.service)/ProcessUnary"

private func answer(_ stream: ScriptedCall, _ text: String) {
  stream.send(ActionMessages.response(text))
  stream.finish()
}

private func metadata(
  _ id: String, _ title: String, _ clause: String,
  _ run: @escaping @Sendable (ScriptedScene) async throws(CaseFailure) -> Void
) -> TestCase {
  TestCase(
    scripted: id, title, .metadata, clause: clause,
    ScriptedProcedure(
      spec: {
        announcement([
          Announced(ActionMessages.service, "cloudstate.action.ActionProtocol"),
          Announced(ActionMessages.vocabulary.targetService, "cloudstate.action.ActionProtocol"),
        ])
      }, run: run))
}
