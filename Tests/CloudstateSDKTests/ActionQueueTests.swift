import CloudstateProtocol
import Dispatch
import GRPCTransport
import NIOCore
import NIOPosix
import SwiftProtobuf
import TestSupport
import Testing

@testable import CloudstateSDK

/// The queues between a call on its event loop and its method in a task.
@Suite(.timeLimit(.minutes(1))) struct ActionQueueTests {
  private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

  private func response(_ length: Int) -> Cloudstate_Action_ActionResponse {
    .with { $0.failure.description_p = String(repeating: "x", count: length) }
  }

  @Test("Reading stops when the queue of requests is full, and goes on when it is half empty")
  func reading() async throws {
    let queues = try await QueuesUnderTest(on: eventLoop)
    try await queues.receive(RequestQueue.capacity - 1)
    #expect(try await queues.events() == [])
    try await queues.receive(1)
    #expect(try await queues.events() == [.reading(false)])
    for _ in 1..<RequestQueue.capacity / 2 { _ = try await queues.requests.next() }
    #expect(try await queues.events() == [.reading(false)])
    _ = try await queues.requests.next()
    #expect(try await queues.events() == [.reading(false), .reading(true)])
  }

  @Test("A waiting task gets the next request, then the end; again and again")
  func waiting() async throws {
    let queues = try await QueuesUnderTest(on: eventLoop)
    async let first = queues.requests.next()
    try await queues.settle()
    try await queues.receive(1)
    #expect(try await first != nil)
    async let last = queues.requests.next()
    try await queues.settle()
    queues.requests.receiveEnd()
    #expect(try await last == nil)
    #expect(try await queues.requests.next() == nil)
  }

  @Test("A cancelled task stops waiting for a request and loses none")
  func cancelledReader() async throws {
    let queues = try await QueuesUnderTest(on: eventLoop)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { _ = try await queues.requests.next() }
      try await queues.settle()
      group.cancelAll()
      await #expect(throws: CancellationError.self) { try await group.waitForAll() }
    }
    try await queues.receive(1)
    #expect(try await queues.requests.next() != nil)
  }

  @Test("A task that was cancelled before does not wait at all")
  func cancelledBefore() async throws {
    let queues = try await QueuesUnderTest(on: eventLoop)
    try await queues.setWritable(false)
    await withThrowingTaskGroup(of: Void.self) { group in
      group.cancelAll()
      group.addTask { _ = try await queues.requests.next() }
      await #expect(throws: CancellationError.self) { try await group.next() }
      group.addTask { try await queues.responses.send(response(1)) }
      await #expect(throws: CancellationError.self) { try await group.next() }
    }
  }

  @Test("The end of a call wakes both sides, and nothing waits afterwards")
  func cancelledCall() async throws {
    let queues = try await QueuesUnderTest(on: eventLoop)
    try await queues.setWritable(false)
    await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { _ = try await queues.requests.next() }
      group.addTask { try await queues.responses.send(response(1)) }
      group.addTask {
        try await queues.settle()
        try await queues.cancel()
      }
      var ends: [Result<Void, any Error>] = []
      while let end = await group.nextResult() { ends.append(end) }
      #expect(
        ends.count { if case .failure(is CancellationError) = $0 { true } else { false } } == 2)
    }
    await #expect(throws: CancellationError.self) { try await queues.requests.next() }
    await #expect(throws: CancellationError.self) { try await queues.responses.send(response(1)) }
    #expect(try await queues.events() == [])
  }

  @Test("Two tasks cannot wait for the requests of one call")
  func twoReaders() async throws {
    let queues = try await QueuesUnderTest(on: eventLoop)
    await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 1...2 { group.addTask { _ = try await queues.requests.next() } }
      await #expect(throws: EntityFault.self) { try await group.next() }
      group.cancelAll()
    }
  }

  @Test("A sender waits while the call is not writable; a cancelled one sends nothing")
  func writability() async throws {
    let queues = try await QueuesUnderTest(on: eventLoop)
    try await queues.setWritable(false)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await queues.responses.send(response(7)) }
      try await queues.settle()
      group.cancelAll()
      await #expect(throws: CancellationError.self) { try await group.waitForAll() }
    }
    async let sent: Void = queues.responses.send(response(1))
    try await queues.settle()
    #expect(try await queues.events() == [])
    try await queues.setWritable(true)
    try await sent
    let length = response(1).encoded.readableBytes
    try await eventually("the response is sent") { try await queues.events() == [.sent(length)] }
  }

  @Test("At most a queue full of responses waits for a busy event loop, and order is kept")
  func busyEventLoop() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    defer { group.shutdownGracefully { _ in } }
    let queues = try await QueuesUnderTest(on: group.next())
    let gate = DispatchSemaphore(value: 0)
    queues.eventLoop.execute { gate.wait() }
    let probe = Probe()
    let total = 3 * ResponseQueue.capacity
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        for length in 1...total {
          try await queues.responses.send(response(length))
          probe.count()
        }
        queues.responses.finish(.ok, after: response(0))
      }
      try await eventually("the queue is full") { probe.counted == ResponseQueue.capacity }
      gate.signal()
      try await tasks.waitForAll()
    }
    let lengths = (1...total).map { response($0).encoded.readableBytes }
    #expect(
      try await queues.events()
        == lengths.map { .sent($0) } + [.sent(response(0).encoded.readableBytes), .finished(.ok)])
  }

  @Test("After the end of the method nothing is sent")
  func finished() async throws {
    let queues = try await QueuesUnderTest(on: eventLoop)
    queues.responses.finish(.ok)
    #expect(try await queues.events() == [.finished(.ok)])
    await #expect(throws: CancellationError.self) { try await queues.responses.send(response(1)) }
    queues.responses.finish(.ok)
    #expect(try await queues.events() == [.finished(.ok)])
  }
}
