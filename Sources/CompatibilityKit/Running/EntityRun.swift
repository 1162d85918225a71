import GRPCTransport

/// Carries out the script of an entity case.
struct EntityRun<Messages: EntityMessages> {
  private typealias Stream = Conversation<Messages.Input, Messages.Output>

  private let client: GRPCAsyncClient
  private let entityID: String
  private let limit: Duration

  private var stream: Stream?
  /// What was sent since the last answer, for the report.
  private var sent: [String] = []
  /// Whether the last failure asked for a restart.
  private var restarts = false

  init(_: Messages.Type, client: GRPCAsyncClient, entityID: String, limit: Duration) {
    self.client = client
    self.entityID = entityID
    self.limit = limit
  }

  mutating func run(_ procedure: EntityProcedure) async throws(CaseFailure) {
    try await run(procedure.script)
    if let next = restarts ? procedure.ifRestarted : procedure.ifKept { try await run(next) }
  }

  private mutating func run(_ script: EntityScript) async throws(CaseFailure) {
    for step in script.steps { try await run(step) }
  }

  private mutating func run(_ step: EntityStep) async throws(CaseFailure) {
    switch step {
    case .open(let start):
      stream = Stream(client, path: Messages.path, limit: limit)
      send(Messages.start(start, entityID: entityID), "I")
    case .event(let sequence, let value):
      send(Messages.event(sequence: sequence, value: value), "event{\(sequence), \(value)}")
    case .command(let id, let actions):
      send(Messages.command(id: id, actions: actions, entityID: entityID), "C\(id)")
    case .expect(let reply): try await expect(reply)
    case .passivate: try await passivate()
    }
  }

  private mutating func send(_ message: Messages.Input, _ notation: String) {
    opened.send(message)
    sent.append(notation)
  }

  private mutating func expect(_ reply: ExpectedReply) async throws(CaseFailure) {
    let received = await opened.next()
    var restart = false
    if case .failure(_, let rule) = reply.outcome {
      restart = rule == .required
      if rule == .allowed, case .message(let output) = received {
        restart = Messages.asksForRestart(output)
      }
    }
    restarts = restart
    let expected = Messages.expected(reply, entityID: entityID, restart: restart)
    guard case .message(let output) = received else {
      throw failure(Messages.describe(expected), received)
    }
    let found = difference(
      expected: expected, received: Messages.canonical(output), describe: Messages.describe)
    if let found {
      throw CaseFailure(
        step: sent.joined(separator: "; "), expected: found.expected, received: found.received)
    }
    sent = []
  }

  private mutating func passivate() async throws(CaseFailure) {
    opened.halfClose()
    sent.append("P")
    let received = await opened.next()
    guard case .end = received else { throw failure("the end of the stream", received) }
    stream = nil
    sent = []
  }

  private func failure(_ expected: String, _ received: Stream.Received) -> CaseFailure {
    CaseFailure(
      step: sent.joined(separator: "; "), expected: expected,
      received: received.describe(Messages.describe))
  }

  /// Every script opens a stream first; a test checks it.
  private var opened: Stream {
    guard let stream else { preconditionFailure("the script opens no stream") }
    return stream
  }
}
