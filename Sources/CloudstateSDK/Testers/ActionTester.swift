import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
public import SwiftProtobuf

/// Calls the methods of an action in a test, without server and sidecar, as they would.
///
/// ```swift
/// let greeter = ActionTester(Greeter())
/// let greeting = try await greeter.send("Greet", ada, returning: Greeting.self)
/// let reminders = try await greeter.call("Remind", ada, atMost: 2)
/// ```
public struct ActionTester: Sendable {
  private let services: [String: HostedService]
  private let service: HostedService

  /// Tests an action.
  public init(_ action: some Action) {
    service = HostedService(action)
    services = [service.serviceName: service]
  }

  /// Calls a method that answers once, and answers the reply, which is `google.protobuf.Empty` unless
  /// said otherwise.
  ///
  /// Throws ``CommandFailure`` if the method failed the call, and ``TesterFault`` if there is no such
  /// method, it took a request of another type, threw another error, handed the call over, or did not
  /// reply once.
  @discardableResult
  public func send<Request: Message, Reply: Message>(
    _ name: String, _ requests: Request..., metadata: Metadata = Metadata(),
    returning: Reply.Type = Google_Protobuf_Empty.self
  ) async throws -> Reply {
    let answers = try await answers(name, requests, metadata, atMost: 2)
    guard let answer = answers.first, answers.count == 1 else {
      throw TesterFault(description: "\(name) answered more than once: call it with call.")
    }
    return try answer.reply(Reply.self)
  }

  /// Calls a method of any shape and answers all that it answered: replies, forwards and failures, with
  /// their effects.
  ///
  /// Throws ``TesterFault`` if the call broke, as for ``send(_:_:metadata:returning:)``.
  ///
  /// - Parameters:
  ///   - requests: All requests of the caller, one if the method does not stream them.
  ///   - limit: The caller goes away after this many answers; the task of the method is cancelled then.
  public func call<Request: Message>(
    _ name: String, _ requests: Request..., metadata: Metadata = Metadata(),
    atMost limit: Int = 1000
  ) async throws -> [TesterOutcome] {
    try await answers(name, requests, metadata, atMost: limit)
  }

  private func answers<Request: Message>(
    _ name: String, _ requests: [Request], _ metadata: Metadata, atMost limit: Int
  ) async throws -> [TesterOutcome] {
    guard let method = service.methods.first(where: { $0.name == name }) else {
      throw TesterFault(
        description: "There is no method '\(name)' in \(service.serviceName).")
    }
    let commands = try TesterFault.converting { () throws(EntityFault) in
      try streamInput(name, requests, metadata, shape: method.shape)
    }
    let call = try await TesterCall.Running.start(
      ActionConversation(services: services, shape: method.shape),
      commands.map(\.encoded), atMost: limit)
    var outcomes: [TesterOutcome] = []
    for await event in call.events {
      switch event {
      case .message(let bytes):
        outcomes.append(
          TesterOutcome(try Cloudstate_Action_ActionResponse(decoding: bytes)))
        if outcomes.count == limit {
          call.cancel()
          return outcomes
        }
      case .finished(let status):
        guard status.code == .ok else { throw TesterFault(description: status.message) }
      }
    }
    return outcomes
  }

  /// What a sidecar sends (protocol section 6.1).
  private func streamInput<Request: Message>(
    _ name: String, _ requests: [Request], _ metadata: Metadata, shape: MethodShape
  ) throws(EntityFault) -> [Cloudstate_Action_ActionCommand] {
    let codec = MessageCodec<Request>()
    var messages: [Cloudstate_Action_ActionCommand] = []
    for request in requests {
      var message = Cloudstate_Action_ActionCommand()
      message.payload = try codec.pack(request)
      messages.append(message)
    }
    if !shape.takesOne { messages.insert(.init(), at: 0) }
    guard !messages.isEmpty else { throw EntityFault("\(name) takes one request.") }
    messages[0].serviceName = service.serviceName
    messages[0].name = name
    messages[0].metadata = metadata.message
    return messages
  }
}

extension TesterOutcome {
  fileprivate init(_ response: Cloudstate_Action_ActionResponse) {
    var action = Cloudstate_ClientAction()
    switch response.response {
    case .reply(let reply): action.reply = reply
    case .forward(let forward): action.forward = forward
    case .failure(let failure): action.failure = failure
    case nil: break
    }
    self.init(action: action, sideEffects: response.sideEffects)
  }
}

/// A call without transport. Its caller takes a number of messages at once, and no more.
private final class TesterCall: GRPCServerCall {
  enum Event: Sendable {
    case message(ByteBuffer)
    case finished(GRPCStatus)
  }

  /// A call from the side of its caller. Any thread.
  struct Running: Sendable {
    let events: AsyncStream<Event>
    private let handler: NIOLoopBound<ActionCallHandler>

    /// Starts a call with all its messages, on an event loop as a server would.
    static func start(
      _ conversation: ActionConversation, _ messages: [ByteBuffer], atMost limit: Int
    ) async throws -> Running {
      let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
      let (events, continuation) = AsyncStream.makeStream(of: Event.self)
      let handler = try await eventLoop.submit {
        let handler = ActionCallHandler(
          call: TesterCall(eventLoop: eventLoop, events: continuation, limit: limit),
          conversation: conversation, logger: Logger(label: "cloudstate-sdk"))
        for message in messages { handler.receive(message) }
        handler.receiveEnd()
        return NIOLoopBound(handler, eventLoop: eventLoop)
      }.get()
      return Running(events: events, handler: handler)
    }

    /// The caller goes away.
    func cancel() {
      handler.eventLoop.execute { [handler] in
        handler.value.cancelled(GRPCStatus(.cancelled, "The caller went away."))
      }
    }
  }

  let eventLoop: any EventLoop
  let path = ""
  let metadata = GRPCMetadata()
  let deadline: NIODeadline? = nil
  private let events: AsyncStream<Event>.Continuation
  private let limit: Int
  private var count = 0

  var isWritable: Bool { count < limit }

  init(eventLoop: any EventLoop, events: AsyncStream<Event>.Continuation, limit: Int) {
    self.eventLoop = eventLoop
    self.events = events
    self.limit = limit
  }

  func sendHeaders(_ metadata: GRPCMetadata) {}

  func send(_ message: ByteBuffer) {
    // Some may be on their way although the call is not writable any more.
    guard isWritable else { return }
    count += 1
    events.yield(.message(message))
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    events.yield(.finished(status))
    events.finish()
  }

  func setReading(_ reading: Bool) {}
}
