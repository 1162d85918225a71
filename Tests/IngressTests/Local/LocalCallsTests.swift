import CloudstateModel
import GRPCTransport
import Ingress
import NIOCore
import NIOPosix
import TestSupport
import Testing

/// Calls from inside the process; the first byte of a request is the entity's id.
@Suite("Calls from inside the process")
struct LocalCallsTests {
  private let dispatcher = HeldDispatcher()
  private let calls: LocalCalls

  init() {
    var configuration = IngressConfiguration()
    configuration.capturesMetadata = true
    let entity = IngressRoute(
      serviceName: "a.S", method: "M",
      target: .entity(persistenceID: "p") { bytes in
        bytes.first.map { String(UnicodeScalar($0)) } ?? ""
      }, inputTypeURL: "t/In", outputTypeURL: "t/Out")
    var action = entity
    action.method = "Repeat"
    action.target = .action(.unary)
    var stream = action
    stream.method = "RepeatStreamed"
    stream.target = .action(.streamedOut)
    let ingress = Ingress(
      configuration: configuration, service: shop, routes: [entity, action, stream],
      dispatcher: dispatcher,
      mounts: [], report: { _ in })
    calls = LocalCalls(
      ingress: ingress, loops: [MultiThreadedEventLoopGroup.singleton.next()],
      maximumMessageBytes: 100, place: { _ in 0 })
  }

  private func request(_ text: String = "x1", path: String = "/a.S/M") -> LocalRequest {
    LocalRequest(path: path, message: Array(text.utf8))
  }

  /// Sends requests that are not answered yet, and waits until the last is with its entity.
  private func send(
    _ requests: [LocalRequest]
  ) async throws -> [Task<Result<LocalReply, CallFailure>, Never>] {
    let before = dispatcher.commands.count
    let tasks = requests.map { request in Task { await calls.unary(request) } }
    try await eventually("the commands are with their entities", within: .seconds(30)) {
      dispatcher.commands.count == before + requests.count
    }
    return tasks
  }

  @Test("A command carries what it was given, and gets its reply and what is beside it")
  func reply() async throws {
    var request = request()
    request.idempotencyKey = "k"
    request.metadata = [CommandMetadata(key: "Trace", value: .text("7"))]
    request.deadline = .now() + .seconds(60)
    let task = try await send([request])[0]
    let command = try #require(dispatcher.commands.first)
    #expect(command.serviceName == "a.S")
    #expect(command.entity == EntityKey(persistenceID: "p", entityID: "x"))
    #expect(command.payload == Array("x1".utf8))
    #expect(command.idempotencyKey == "k")
    #expect(command.metadata.contains(CommandMetadata(key: "trace", value: .text("7"))))
    #expect(command.deadline == request.deadline?.uptimeNanoseconds)
    let metadata = [CommandMetadata(key: "a", value: .text("b"))]
    dispatcher.answer(0, .text("done", metadata: metadata))
    #expect(
      await task.value == .success(LocalReply(message: Array("done".utf8), metadata: metadata)))
  }

  @Test("Refusals, failures of the node and replies without a message are told apart")
  func failures() async throws {
    let tasks = try await send([request(), request(), request()])
    // Which task's command came first does not matter: each gets one of the three.
    dispatcher.answer(0, CommandAnswer(.failure("no")))
    dispatcher.answer(1, .error(CommandError(.shardUnavailable, "later")))
    dispatcher.answer(2, CommandAnswer(.reply(nil)))
    var failures: Set<CallFailure> = []
    for task in tasks {
      if case .failure(let failure) = await task.value { failures.insert(failure) }
    }
    #expect(
      failures == [
        CallFailure(GRPCStatus(.unknown, "no")),
        CallFailure(CommandError(.shardUnavailable, "later")),
        CallFailure(
          GRPCStatus(.unimplemented, "the server answered a unary call with 0 messages")),
      ])
    #expect(CallFailure(CommandError(.shardUnavailable, "later")).isWorthRetrying)
  }

  @Test("Requests that no entity can get are refused at once")
  func refusals() async throws {
    #expect(await code(of: request("")) == .invalidArgument)
    #expect(await code(of: request(String(repeating: "x", count: 101))) == .resourceExhausted)
    #expect(await code(of: request(path: "/a.S/Other")) == .unimplemented)
    var long = request()
    long.idempotencyKey = String(repeating: "k", count: 257)
    #expect(await code(of: long) == .invalidArgument)
    var late = request()
    late.deadline = .now() - .seconds(1)
    #expect(await code(of: late) == .deadlineExceeded)
    #expect(dispatcher.commands.isEmpty)
  }

  private func code(of request: LocalRequest) async -> GRPCStatus.Code? {
    if case .failure(let failure) = await calls.unary(request) { failure.status.code } else { nil }
  }

  @Test("A deadline and a cancellation end the waiting, and the late answer harms nobody")
  func impatience() async throws {
    var hurried = request()
    hurried.deadline = .now() + .milliseconds(50)
    let tasks = try await send([hurried])
    #expect(await tasks[0].value == .failure(LocalCalls.deadlinePassed))
    let cancelled = try await send([request()])[0]
    cancelled.cancel()
    #expect(await cancelled.value == .failure(LocalCalls.cancelled))
    dispatcher.answer(0, .text("late"))
    dispatcher.answer(1, .text("late"))
    let next = try await send([request()])[0]
    dispatcher.answer(2, .text("done"))
    #expect(await next.value == .success(LocalReply(message: Array("done".utf8))))
  }

  @Test("A task that is cancelled already sends nothing")
  func cancelledBefore() async throws {
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return await calls.unary(request())
    }
    #expect(await task.value == .failure(LocalCalls.cancelled))
    #expect(dispatcher.commands.isEmpty)
  }

  @Test("Too many open calls are refused, and an answer makes room")
  func bound() async throws {
    let tasks = try await send(Array(repeating: request(), count: LocalCalls.maximumOpen))
    guard case .failure(let failure) = await calls.unary(request()) else {
      Issue.record("one call too many was taken")
      return
    }
    #expect(failure.errorCode == "overloaded")
    for index in tasks.indices { dispatcher.answer(index, .text("done")) }
    for task in tasks { _ = try await task.value.get() }
    let next = try await send([request()])[0]
    dispatcher.answer(tasks.count, .text("done"))
    _ = try await next.value.get()
  }

  @Test("Actions are called as over a connection, and streams come one by one")
  func actions() async throws {
    let reply = await calls.unary(request("hello", path: "/a.S/Repeat"))
    #expect(reply == .success(LocalReply(message: Array("hello".utf8))))
    let stream = try calls.stream(request("hello", path: "/a.S/RepeatStreamed")).get()
    #expect(try await stream.next() == Array("hello".utf8))
    #expect(try await stream.next() == nil)
  }

  @Test("Closing waits for answers and takes nothing new")
  func close() async throws {
    let task = try await send([request()])[0]
    let closing = Task { await calls.close(within: .seconds(60)) }
    try await eventually("new calls are refused") {
      if case .failure(let failure) = await calls.unary(request(path: "/a.S/Other")) {
        failure == LocalCalls.stopping
      } else {
        false
      }
    }
    #expect(await calls.unary(request()) == .failure(LocalCalls.stopping))
    dispatcher.answer(0, .text("done"))
    _ = try await task.value.get()
    await closing.value
    #expect(dispatcher.commands.count == 1)
  }

  @Test("Closing ends what is not answered in time, and says that it may have run")
  func closeInTime() async throws {
    let task = try await send([request()])[0]
    await calls.close(within: .milliseconds(1))
    guard case .failure(let failure) = await task.value else {
      Issue.record("a call without an answer succeeded")
      return
    }
    #expect(failure.errorCode == "outcome-unknown")
    dispatcher.answer(0, .text("late"))
  }
}
