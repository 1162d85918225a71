import CloudstateModel
import MessageBus
import Testing

@testable import CloudstateNode

/// What a node makes of the answers of the node that owns an entity.
struct RoutedAnswerTests {
  private let owner: NodeID

  init() throws { owner = try #require(NodeID("cart-2")) }

  private func code(_ answer: CommandAnswer) -> CommandError.Code? {
    if case .error(let error) = answer.outcome { error.code } else { nil }
  }

  @Test(
    "An owner that stops has not started the command: it is held, like one for a node that is away")
  func stopping() {
    let answer = RoutedCommandCodec.encode(.error(CommandError(.stopping, "stopping")))
    #expect(code(RoutedCommandCodec.answer(.success(answer), owner: owner)) == .shardUnavailable)
  }

  @Test(
    "Other failures stay what they are",
    arguments: [CommandError.Code.outcomeUnknown, .overloaded, .timeout, .storeFailed])
  func others(error: CommandError.Code) {
    let answer = RoutedCommandCodec.encode(.error(CommandError(error, "text")))
    #expect(code(RoutedCommandCodec.answer(.success(answer), owner: owner)) == error)
  }

  @Test("A link that broke leaves the outcome open, one that is down does not")
  func links() {
    func code(_ code: BusError.Code) -> CommandError.Code? {
      self.code(RoutedCommandCodec.answer(.failure(BusError(code, "text")), owner: owner))
    }
    #expect(code(.timeout) == .outcomeUnknown)
    #expect(code(.unreachable) == .shardUnavailable)
    #expect(code(.noResponder) == .shardUnavailable)
  }
}
