import GRPCTransport

/// Carries out the script of a case about a replicated entity.
struct CRDTRun {
  private typealias Stream = Conversation<CRDTMessages.Input, CRDTMessages.Output>

  private let client: GRPCAsyncClient
  private let limit: Duration

  private var stream: Stream?
  /// What was sent since the last answer, for the report.
  private var sent: [String] = []

  init(client: GRPCAsyncClient, limit: Duration) {
    self.client = client
    self.limit = limit
  }

  mutating func run(_ steps: [CRDTStep]) async throws(CaseFailure) {
    for step in steps { try await run(step) }
  }

  private mutating func run(_ step: CRDTStep) async throws(CaseFailure) {
    switch step {
    case .open(let start):
      stream = Stream(client, path: CRDTMessages.path, limit: limit)
      opened.send(start)
      sent.append("I")
    case .send(let input, let notation):
      opened.send(input)
      sent.append(notation)
    case .expect(let expected): try await expect(expected)
    case .passivate:
      opened.halfClose()
      sent.append("P")
      let received = await opened.next()
      guard case .end = received else { throw failure("the end of the stream", received) }
      stream = nil
      sent = []
    }
  }

  private mutating func expect(_ expected: CRDTMessages.Output) async throws(CaseFailure) {
    let expected = CRDTMessages.canonical(expected)
    let received = await opened.next()
    guard case .message(let output) = received else {
      throw failure(CRDTMessages.describe(expected), received)
    }
    let found = difference(
      expected: expected, received: CRDTMessages.canonical(output),
      describe: CRDTMessages.describe)
    if let found {
      throw CaseFailure(
        step: sent.joined(separator: "; "), expected: found.expected, received: found.received)
    }
    sent = []
  }

  private func failure(_ expected: String, _ received: Stream.Received) -> CaseFailure {
    CaseFailure(
      step: sent.joined(separator: "; "), expected: expected,
      received: received.describe(CRDTMessages.describe))
  }

  /// Every script opens a stream first; a test checks it.
  private var opened: Stream {
    guard let stream else { preconditionFailure("the script opens no stream") }
    return stream
  }
}
