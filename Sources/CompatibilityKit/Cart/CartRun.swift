import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// Plays the proxy for a shopping cart.
struct CartRun {
  static let service = "com.example.shoppingcart.ShoppingCart"

  private typealias Stream = Conversation<EventSourcedMessages.Input, EventSourcedMessages.Output>

  private let user: String
  private let stream: Stream
  private var commandID: Int64 = 0

  init(_ scene: FunctionScene, user: String) throws(CaseFailure) {
    self.user = user
    stream = Stream(
      try scene.function.reached(), path: EventSourcedMessages.path, limit: scene.limit)
    stream.send(
      EventSourcedMessages.start(EntityStart(), service: Self.service, entityID: user))
  }

  mutating func carry(out steps: [CartStep]) async throws(CaseFailure) {
    for step in steps {
      commandID += 1
      stream.send(cartCommand(step, id: commandID, user: user))
      let received = await stream.next()
      guard case .message(let output) = received else {
        throw CaseFailure(
          step: step.description, expected: "a reply",
          received: received.describe(EventSourcedMessages.describe))
      }
      if let deviation = cartDeviation(output, from: step, id: commandID) {
        throw CaseFailure(
          step: step.description, expected: deviation.expected, received: deviation.received)
      }
    }
  }

  /// Half-closes, and expects the stream to complete.
  func end() async throws(CaseFailure) {
    stream.halfClose()
    let received = await stream.next()
    guard case .end = received else {
      throw CaseFailure(
        step: "P", expected: "the end of the stream",
        received: received.describe(EventSourcedMessages.describe))
    }
  }
}

/// Calls a shopping cart through the proxy, and looks at what passes the interceptor.
struct ProxyCartRun {
  private var watch: TrafficWatch
  private let user: String

  init(_ scene: ProxyScene, user: String) {
    watch = scene.watch
    self.user = scene.identifier(user)
  }

  mutating func carry(out steps: [CartStep]) async throws(CaseFailure) {
    var connection: RecordedConnection?
    var ids: Set<Int64> = []
    for step in steps {
      try await call(step)
      if connection == nil { connection = try await opened() }
      let input: EventSourcedMessages.Input = try await watch.message(
        connection?.incoming, "a command")
      let command = input.command
      guard case .command = input.message, command.entityID == user, command.name == step.method,
        ids.insert(command.id).inserted
      else {
        throw watch.failure(
          "the command \(step.method) of \(user) with an id of its own",
          EventSourcedMessages.describe(input))
      }
      let output: EventSourcedMessages.Output = try await watch.message(
        connection?.outgoing, "a reply")
      if let deviation = cartDeviation(output, from: step, id: command.id) {
        throw watch.failure(deviation.expected, deviation.received)
      }
    }
  }

  private mutating func call(_ step: CartStep) async throws(CaseFailure) {
    watch.lastStep = step.description
    let answer = await watch.proxy.client.unaryResult(
      path: "/\(CartRun.service)/\(step.method)", message: step.request(user: user).encoded,
      timeout: watch.limit)
    switch answer {
    case .success(let reply):
      if step.fails { throw watch.failure("an error", "a reply") }
      if let found = step.deviation(of: Array(reply.message.readableBytesView)) {
        throw watch.failure(found.expected, found.received)
      }
    case .failure(let error):
      if !step.fails { throw watch.failure("a reply", "the gRPC error \(error.status)") }
    }
  }

  private func opened() async throws(CaseFailure) -> RecordedConnection {
    let connection = try await watch.announced(EventSourcedMessages.path, "")
    let start: EventSourcedMessages.Input = try await watch.message(connection.incoming, "I")
    let expected = EventSourcedMessages.start(
      EntityStart(), service: CartRun.service, entityID: user)
    let found = difference(
      expected: expected, received: start, describe: EventSourcedMessages.describe)
    if let found { throw watch.failure(found.expected, found.received) }
    return connection
  }
}

private func cartCommand(_ step: CartStep, id: Int64, user: String) -> EventSourcedMessages.Input {
  var command = Cloudstate_Command()
  command.entityID = user
  command.id = id
  command.name = step.method
  command.payload = packed(step.request(user: user))
  return EventSourcedMessages.input(command)
}

/// What is wrong with the answer of the function, or `nil`.
private func cartDeviation(
  _ output: EventSourcedMessages.Output, from step: CartStep, id: Int64
) -> (expected: String, received: String)? {
  let expected =
    (step.fails ? "a failure" : "a reply") + " of command \(id) with \(step.events) events"
  guard case .reply(let reply) = output.message else {
    return (expected, EventSourcedMessages.describe(output))
  }
  let kind: String
  switch reply.clientAction.action {
  case .reply: kind = "a reply"
  case .failure(let failure): kind = "a failure" + (failure.commandID == id ? "" : " of another")
  case .forward: kind = "a forward"
  case nil: kind = "nothing"
  }
  let received = "\(kind) of command \(reply.commandID) with \(reply.events.count) events"
  if expected != received { return (expected, received) }
  return step.fails ? nil : step.deviation(of: reply.clientAction.reply.payload.value)
}
