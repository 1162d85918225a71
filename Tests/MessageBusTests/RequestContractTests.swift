import CloudstateModel
import MessageBus
import NIOCore
import TestSupport
import Testing

@Suite("Requests, over every fabric")
struct RequestContractTests {
  @Test(arguments: Fabric.allCases)
  func aRequestIsAnswered(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    _ = b.serve(try pattern("cs.cmd.*.Add")) { request in
      let text = "\(request.source) \(request.subject) \(String(buffer: request.payload))"
      request.answer(.success(ByteBuffer(string: text)))
    }
    let answer = await a.ask("cs.cmd.cart.Add", "apple", of: b.nodeID)
    #expect(answer.text == "a cs.cmd.cart.Add apple")
    #expect(await a.ask("cs.cmd.cart.Remove", "", of: b.nodeID).failureCode == .noResponder)
    #expect(await a.ask("cs.cmd.cart.Add", "", of: b.nodeID).text == "a cs.cmd.cart.Add ")
  }

  @Test(arguments: Fabric.allCases)
  func aRefusalArrivesAsItWasGiven(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    _ = b.serve(try pattern(">")) { $0.answer(.failure(BusError(.rejected, "nö: \($0.subject)"))) }
    let answer = await a.ask("x", "", of: b.nodeID)
    #expect(answer == .failure(BusError(.rejected, "nö: x")))
  }

  @Test(arguments: Fabric.allCases)
  func theNewestMatchingResponderAnswers(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let a = try harness.start("a")
    _ = a.serve(try pattern("x.>")) { $0.answer(.success(ByteBuffer(string: "old"))) }
    let newer = a.serve(try pattern("x.*")) { $0.answer(.success(ByteBuffer(string: "new"))) }
    #expect(await a.ask("x.y", "", of: a.nodeID).text == "new")
    #expect(await a.ask("x.y.z", "", of: a.nodeID).text == "old")
    newer.cancel()
    #expect(await a.ask("x.y", "", of: a.nodeID).text == "old")
  }

  /// What `serve` has registered is in effect for whoever is told afterwards, on any node.
  @Test(arguments: Fabric.allCases)
  func aResponderIsThereWhenServeReturns(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    for number in 0..<300 {
      _ = b.serve(try pattern("r.\(number)")) { $0.answer(.success($0.payload)) }
      #expect(await a.ask("r.\(number)", "x", of: b.nodeID).text == "x")
    }
  }

  @Test(arguments: Fabric.allCases)
  func requestsToSelfNeedNoLink(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let a = try harness.start("a")
    _ = a.serve(try pattern("self")) { $0.answer(.success($0.payload)) }
    #expect(await a.ask("self", "me", of: a.nodeID).text == "me")
    #expect(await a.ask("other", "me", of: a.nodeID).failureCode == .noResponder)
  }

  @Test(arguments: Fabric.allCases)
  func completionsRunOnTheEventLoopNamed(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let a = try harness.start("a")
    _ = a.serve(try pattern("self")) { $0.answer(.success($0.payload)) }
    let nobody = try nodeID("nobody")
    for target in [a.nodeID, nobody] {
      let wasOnLoop = try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Bool, any Error>) in
        guard let subject = Subject("self") else { return }
        a.request(
          subject, payload: ByteBuffer(), to: target, timeout: .seconds(20), on: eventLoop
        ) { _ in continuation.resume(returning: eventLoop.inEventLoop) }
      }
      #expect(wasOnLoop)
    }
  }

  @Test(arguments: Fabric.allCases)
  func thousandsInFlightKeepTheirOrder(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let arrived = Recorder<String>()
    let held = Recorder<BusRequest>()
    _ = b.serve(try pattern("work")) { request in
      arrived.append(String(buffer: request.payload))
      held.append(request)
    }
    let count = 5000
    let answers = Recorder<String>()
    let subject = try subject("work")
    for number in 0..<count {
      a.request(
        subject, payload: ByteBuffer(string: "\(number)"), to: b.nodeID, timeout: .seconds(30),
        on: eventLoop
      ) { answers.append($0.text ?? "failed: \($0)") }
    }
    try await eventually("all requests are in flight") { arrived.count == count }
    #expect(arrived.all == (0..<count).map(String.init))
    #expect(answers.count == 0)
    for request in held.all { request.answer(.success(request.payload)) }
    try await eventually("all requests are answered") { answers.count == count }
    #expect(answers.all == (0..<count).map(String.init))
  }

  @Test(arguments: Fabric.allCases)
  func largeMessagesPassAndLargerOnesAreRefused(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    _ = b.serve(try pattern("echo")) { $0.answer(.success($0.payload)) }
    _ = b.serve(try pattern("grow")) {
      $0.answer(.success(ByteBuffer(repeating: 7, count: (1 << 20) + 1)))
    }
    let largest = String(repeating: "x", count: 1 << 20)
    #expect(await a.ask("echo", largest, of: b.nodeID).text == largest)
    #expect(await a.ask("echo", largest + "x", of: b.nodeID).failureCode == .rejected)
    #expect(await a.ask("grow", "", of: b.nodeID).failureCode == .rejected)
    #expect(await a.ask("echo", "still here", of: b.nodeID).text == "still here")
  }

  @Test(arguments: Fabric.allCases)
  func aRequestWithoutAnswerTimesOutOnce(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let held = Recorder<BusRequest>()
    _ = b.serve(try pattern("slow")) { held.append($0) }
    _ = b.serve(try pattern("fast")) { $0.answer(.success($0.payload)) }
    let results = Recorder<Answer>()
    a.request(
      try subject("slow"), payload: ByteBuffer(), to: b.nodeID, timeout: .milliseconds(150),
      on: eventLoop
    ) { results.append($0) }
    try await eventually("the timeout") { results.count == 1 }
    #expect(results.all.first?.failureCode == .timeout)
    try await eventually("the request has arrived") { held.count == 1 }
    held.all.first?.answer(.success(ByteBuffer(string: "late")))
    // Later traffic on the same link shows that the late answer has been taken in.
    #expect(await a.ask("fast", "after", of: b.nodeID).text == "after")
    #expect(results.count == 1)
  }

  @Test(arguments: Fabric.allCases)
  func onlyTheFirstAnswerCounts(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric)
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    _ = b.serve(try pattern("twice")) { request in
      request.answer(.success(ByteBuffer(string: "first")))
      request.answer(.failure(BusError(.rejected, "second")))
    }
    for _ in 0..<20 {
      #expect(await a.ask("twice", "", of: b.nodeID).text == "first")
    }
  }

  @Test(arguments: Fabric.allCases)
  func tooManyRequestsAreRefused(fabric: Fabric) async throws {
    let harness = try BusHarness(fabric, limits: .init(pendingRequestsPerPeer: 4))
    let (a, b) = (try harness.start("a"), try harness.start("b"))
    try await harness.link(a, b)
    let held = Recorder<BusRequest>()
    _ = b.serve(try pattern("hold")) { held.append($0) }
    let results = Recorder<Answer>()
    let subject = try subject("hold")
    for _ in 0..<6 {
      a.request(
        subject, payload: ByteBuffer(), to: b.nodeID, timeout: .seconds(20), on: eventLoop
      ) { results.append($0) }
    }
    try await eventually("two are refused") { results.count == 2 }
    #expect(results.all.allSatisfy { $0.failureCode == .overloaded })
    try await eventually("four have arrived") { held.count == 4 }
    for request in held.all { request.answer(.success(ByteBuffer())) }
    try await eventually("four are answered") { results.count == 6 }
    let again = await a.ask("nobody-serves-this", "", of: b.nodeID)
    #expect(again.failureCode == .noResponder, "there is room again")
  }
}
