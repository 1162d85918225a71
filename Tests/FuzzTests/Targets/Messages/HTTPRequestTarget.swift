import CloudstateModel
import GRPCTransport
import NIOCore
import NIOEmbedded

@testable import DynamicProtobuf
@testable import Ingress

extension FuzzTarget {
  /// A plain HTTP request for a method: a byte that chooses verb and answer, target and two headers with a
  /// zero byte behind each, the body.
  static let httpRequests = FuzzTarget("http-requests") { input in
    var input = input
    let choice = input.byte()
    var request = HTTPServerRequest(
      method: choice & 1 == 0 ? "GET" : "POST", target: input.text(), headers: GRPCMetadata(),
      body: ByteBuffer())
    request.headers.add("content-type", choice & 2 == 0 ? "application/json" : input.text())
    request.headers.add("accept", input.text())
    request.body = ByteBuffer(bytes: input.rest())
    let pool = try TypesOfEveryKind.usable()
    guard let bindings = try? bindings.get(), let service = ServiceName("fuzz") else {
      throw FuzzViolation(description: "the rules are not valid")
    }
    let dispatcher = FuzzDispatcher(conduct: choice >> 2)
    let transcoder = HTTPTranscoder(
      bindings: bindings, configuration: HTTPTranscoderConfiguration(),
      gate: AccessGate(
        ingress: Ingress(
          configuration: IngressConfiguration(), service: service, routes: routes,
          dispatcher: dispatcher, mounts: [], report: { _ in }),
        authenticator: nil))
    let exchange = FuzzExchange()
    let handler = transcoder.handle(request, on: exchange)
    while dispatcher.step() {}
    if !exchange.isOver {
      try demand(handler != nil, "nobody hears of an open exchange")
      handler?.writabilityChanged(true)
      handler?.cancelled()
    }
    try demand(exchange.violation == nil, exchange.violation ?? "")
    for payload in dispatcher.payloads { try checkRoundTrip(payload, "t.All", pool) }
  }

  private static let bindings = Result {
    try HTTPBindings(pool: TypesOfEveryKind.usable(), services: [TypesOfEveryKind.service])
  }

  private static let routes: [IngressRoute] = {
    let service = TypesOfEveryKind.pool?.service(named: TypesOfEveryKind.service)
    return (service?.methods ?? []).map { method in
      IngressRoute(
        serviceName: TypesOfEveryKind.service, method: method.name,
        target: method.isServerStreaming
          ? .action(.streamedOut) : .entity(persistenceID: "p", entityID: { _ in "e" }),
        inputTypeURL: "type.googleapis.com/t.All", outputTypeURL: "type.googleapis.com/t.All")
    }
  }()
}

/// Answers commands with their own payload, at once or later, or not in order.
private final class FuzzDispatcher: CommandDispatcher, @unchecked Sendable {
  private let conduct: UInt8
  private var tasks: [() -> Void] = []
  private(set) var payloads: [[UInt8]] = []

  init(conduct: UInt8) { self.conduct = conduct }

  func step() -> Bool {
    let batch = tasks
    tasks = []
    for task in batch { task() }
    return !batch.isEmpty
  }

  func dispatch(
    _ command: EntityCommand, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    payloads.append(command.payload)
    let answer = answer(to: command.payload)
    if conduct & 1 == 0 { completion(answer) } else { tasks.append { completion(answer) } }
  }

  func open(
    _ request: ActionRequest, on eventLoop: any EventLoop, owner: any ActionCallOwner
  ) -> any ActionCall {
    FuzzAction { payload in
      self.payloads.append(payload)
      for _ in 0..<(self.conduct & 3) {
        self.tasks.append { owner.received(self.answer(to: payload)) }
      }
      self.tasks.append { owner.ended(nil) }
    }
  }

  func settle(
    _ answer: CommandAnswer, of request: ActionRequest, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    completion(answer)
  }

  private func answer(to payload: [UInt8]) -> CommandAnswer {
    switch conduct >> 2 & 7 {
    case 0: .error(CommandError(.overloaded, "full"))
    case 1: CommandAnswer(.failure("no"))
    case 2: CommandAnswer(.reply(nil))
    default:
      CommandAnswer(
        .reply(ReplyPayload(typeURL: "type.googleapis.com/t.All", value: payload)))
    }
  }
}

private final class FuzzAction: ActionCall {
  let isWritable = true
  private let received: ([UInt8]) -> Void

  init(_ received: @escaping ([UInt8]) -> Void) { self.received = received }

  func send(_ payload: [UInt8]) { received(payload) }
  func end() {}
  func cancel() {}
  func setReading(_ reading: Bool) {}
}

/// An exchange that watches the order of what its router does.
final class FuzzExchange: HTTPServerExchange {
  private let loop = EmbeddedEventLoop()
  var eventLoop: any EventLoop { loop }
  let isWritable = true
  private(set) var violation: String?
  private(set) var isOver = false
  private var hasBegun = false

  func runLoop() { loop.run() }

  func respond(_ start: HTTPResponseStart, body: ByteBuffer) {
    begin(start)
    end()
  }

  func begin(_ start: HTTPResponseStart) {
    if hasBegun || isOver { violation = "a response begins twice" }
    if !(200...599).contains(start.status) { violation = "the status \(start.status)" }
    hasBegun = true
  }

  func send(_ bytes: ByteBuffer) {
    if !hasBegun || isOver { violation = "a piece outside of a response" }
  }

  func end() {
    if !hasBegun || isOver { violation = "an end without a response" }
    isOver = true
  }

  func abort() {
    if isOver { violation = "a response is broken off behind its end" }
    isOver = true
  }
}
