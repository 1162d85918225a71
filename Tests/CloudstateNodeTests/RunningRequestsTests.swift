import CloudstateModel
import MessageBus
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import CloudstateNode

/// What a node that ends makes of the requests of others that it carries out.
struct RunningRequestsTests {
  private final class Answers: Sendable {
    let all = Mutex<[Result<ByteBuffer, BusError>]>([])
    var count: Int { all.withLock { $0.count } }
  }

  private let running = RunningRequests()
  private let answers = Answers()
  private let eventLoop = MultiThreadedEventLoopGroup.singleton.any()

  private func request() throws -> BusRequest {
    BusRequest(
      subject: try #require(Subject("cs.call.b")), source: try #require(NodeID("a-1")),
      payload: ByteBuffer()
    ) { [answers] answer in answers.all.withLock { $0.append(answer) } }
  }

  @Test("With nothing under way the end waits for nothing, and nothing more is taken")
  func idle() async throws {
    #expect(await running.finish(within: .hours(1), on: eventLoop).isEmpty)
    #expect(running.begin(try request()) == nil)
    #expect(answers.count == 0)
  }

  @Test("The end waits for all that runs, and takes nothing more meanwhile")
  func waits() async throws {
    let first = try #require(running.begin(try request()))
    let second = try #require(running.begin(try request()))
    async let rest = running.finish(within: .hours(1), on: eventLoop)
    try await eventually("nothing more is taken") {
      guard let early = running.begin(try request()) else { return true }
      early(.success(ByteBuffer()))
      return false
    }
    let before = answers.count
    first(.success(ByteBuffer()))
    #expect(answers.count == before + 1)
    second(.success(ByteBuffer()))
    #expect(await rest.isEmpty)
    #expect(answers.count == before + 2, "answered before the end goes on")
  }

  @Test("What runs longer than the grace is handed back")
  func gaveUp() async throws {
    let late = try #require(running.begin(try request()))
    #expect(await running.finish(within: .milliseconds(1), on: eventLoop).count == 1)
    late(.success(ByteBuffer()))
    #expect(answers.count == 1)
  }

  @Test("Without any grace the end does not wait")
  func noGrace() async throws {
    _ = running.begin(try request())
    #expect(await running.finish(within: .zero, on: eventLoop).count == 1)
  }

  @Test("A call that is cut off may or may not have run, and is told so")
  func cutOff() throws {
    let answer = RoutedCallCodec.answer(
      .success(RoutedCallCodec.cutOff), node: try #require(NodeID("b-1")))
    guard case .answered(let answered) = answer, case .error(let error) = answered.outcome else {
      Issue.record("\(answer)")
      return
    }
    #expect(error.code == .outcomeUnknown)
  }
}
