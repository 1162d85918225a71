import CloudstateModel
import Testing

@testable import CloudstateNode

/// What is known of a command that follows from another.
struct CommandChainTests {
  private let call = FunctionCall(
    serviceName: "a.S", method: "M", payloadTypeURL: "t", payload: [])
  private let root = CommandChain(name: "a.Root", deadline: 5, idempotencyKey: "k")

  @Test("Keys and causes tell the way from the client's command")
  func way() {
    let chain = root.effect(call, index: 2, of: 3).forwarded(to: call, of: 1)
    #expect(chain.idempotencyKey == "k/effect-2/forward")
    #expect(chain.trace == "\n  forwarded from a.S.M\n  side-effect of a.Root")
    #expect(!chain.isTooLong)
  }

  @Test("A forward keeps the client's deadline, an effect happens without it")
  func deadlines() {
    #expect(root.forwarded(to: call, of: 1).deadline == 5)
    #expect(root.effect(call, index: 0, of: 1).deadline == nil)
  }

  @Test("A circle ends after a number of steps")
  func depth() {
    var chain = root
    var steps = 0
    while !chain.isTooLong {
      chain = chain.forwarded(to: call, of: 1)
      steps += 1
    }
    #expect(steps == CommandChain.maximumSteps + 1)
  }

  @Test("However commands branch, no more follow than are allowed", arguments: [1, 2, 3, 7, 100])
  func breadth(branches: Int) {
    var running = 0
    var level = [root]
    while !level.isEmpty {
      level = level.flatMap { chain in
        (0..<branches).map { chain.effect(call, index: $0, of: branches) }.filter { !$0.isTooLong }
      }
      running += level.count
      guard running <= CommandChain.maximumFollowers else { break }
    }
    #expect(running <= CommandChain.maximumFollowers)
    #expect(running >= min(branches, CommandChain.maximumSteps))
  }
}
