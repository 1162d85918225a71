import CloudstateModel
import NIOCore

/// Side effects in their order: the next begins when a synchronous one has ended, or at once. A loop, not a chain of
/// calls, for an answer may have thousands that end as soon as they begin. Bound to an event loop.
final class EffectSequence {
  /// Starts an effect, by its index, and calls back on the loop when it has ended, maybe at once.
  typealias Start = (SideEffect, Int, @escaping @Sendable () -> Void) -> Void

  private let effects: [SideEffect]
  private let eventLoop: any EventLoop
  private let start: Start
  private let completion: () -> Void
  private var next = 0
  private var isWaiting = false
  private var isStepping = false

  init(
    _ effects: [SideEffect], on eventLoop: any EventLoop, start: @escaping Start,
    completion: @escaping () -> Void
  ) {
    self.effects = effects
    self.eventLoop = eventLoop
    self.start = start
    self.completion = completion
  }

  func begin() { step() }

  private func step() {
    guard !isStepping else { return }
    isStepping = true
    while !isWaiting, next < effects.count {
      let index = next
      next += 1
      let waits = effects[index].isSynchronous
      isWaiting = waits
      let own = NIOLoopBound(self, eventLoop: eventLoop)
      start(effects[index], index) {
        guard waits else { return }
        own.value.isWaiting = false
        own.value.step()
      }
    }
    isStepping = false
    if !isWaiting { completion() }
  }
}
