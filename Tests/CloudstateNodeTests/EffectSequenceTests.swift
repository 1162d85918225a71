import CloudstateModel
import NIOCore
import NIOEmbedded
import Testing

@testable import CloudstateNode

@Suite("Side effects in their order")
struct EffectSequenceTests {
  private func effect(waits: Bool) -> SideEffect {
    SideEffect(
      FunctionCall(serviceName: "s", method: "m", payloadTypeURL: "t", payload: []),
      isSynchronous: waits)
  }

  @Test("A synchronous effect ends before the next begins, others do not keep it")
  func order() {
    let loop = EmbeddedEventLoop()
    var started: [Int] = []
    var endings: [Int: @Sendable () -> Void] = [:]
    var isDone = false
    let sequence = EffectSequence(
      [effect(waits: false), effect(waits: true), effect(waits: false)], on: loop,
      start: { _, index, ended in
        started.append(index)
        endings[index] = ended
      }, completion: { isDone = true })
    sequence.begin()
    #expect(started == [0, 1])
    endings[0]?()
    #expect(started == [0, 1])
    #expect(!isDone)
    endings[1]?()
    #expect(started == [0, 1, 2])
    #expect(isDone)
  }

  @Test("Very many that end as soon as they begin need no deep stack", arguments: [false, true])
  func many(waits: Bool) {
    let count = 200_000
    let loop = EmbeddedEventLoop()
    var started = 0
    var completions = 0
    let sequence = EffectSequence(
      Array(repeating: effect(waits: waits), count: count), on: loop,
      start: { _, _, ended in
        started += 1
        ended()
      }, completion: { completions += 1 })
    sequence.begin()
    #expect(started == count)
    #expect(completions == 1)
  }
}
