import CloudstateModel
import FoundationEssentials
import NIOCore

/// An answer to an operator, as it goes over HTTP.
struct AdminResponse: Sendable {
  var status: Int
  /// JSON.
  var body: [UInt8]
  /// Where to ask instead.
  var location: String?
  /// In so many seconds the answer may be another one.
  var retryAfter: Int?

  init(status: Int = 200, _ document: some Encodable) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      body = Array(try encoder.encode(document))
      self.status = status
    } catch {
      // The documents hold nothing that JSON has no form for.
      body = Array("{\"error\":\"the answer has no form in JSON\"}".utf8)
      self.status = 500
    }
  }

  init(error message: String, status: Int) {
    self.init(status: status, OutcomeDocument(error: message))
  }

  init(_ answer: OperatorAnswer) {
    switch answer {
    case .done(let line): self.init(OutcomeDocument(message: line))
    case .notFound(let line): self.init(error: line, status: 404)
    case .conflict(let line): self.init(error: line, status: 409)
    }
  }
}

extension Coordinator {
  /// Answers an operator's request. Any thread, until ``stop()``.
  func respond(to route: AdminRoute) -> EventLoopFuture<AdminResponse> {
    switch route {
    case .status: read { AdminResponse($0.statusDocument()) }
    case .nodes: read { AdminResponse($0.nodesDocument(at: .now())) }
    case .shards: read { AdminResponse($0.shardsDocument()) }
    case .plan: read { AdminResponse($0.planDocument()) }
    case .dryRun: read { AdminResponse($0.dryRunDocument()) }
    case .history(let query): history(query)
    case .scale: loop.eventLoop.submit { [self] in AdminResponse(scaleDocument()) }
    case .scaleHistory(let limit): read { AdminResponse($0.scaleHistoryDocument(limit: limit)) }
    case .change(let request): submit(request).map { AdminResponse($0) }
    }
  }

  private func read(
    _ body: @escaping @Sendable (CoordinatorMachine) -> AdminResponse
  ) -> EventLoopFuture<AdminResponse> {
    loop.eventLoop.submit { [state] in body(state.value.machine) }
  }
}
