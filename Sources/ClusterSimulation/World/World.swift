/// Virtual time and all that is to happen in it: one thread, one generator of chance, no clock of the machine.
final class World {
  private(set) var now: UInt64 = 0
  var random: SplitMix64
  let trace: Trace
  let monitor = Monitor()
  private var queue = EventQueue()
  /// Mixes the times of all events: two runs that agree in it took the same course.
  private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325
  private(set) var steps = 0

  init(seed: UInt64, trace: Trace) {
    random = SplitMix64(seed: seed)
    self.trace = trace
    monitor.world = self
  }

  func after(_ span: UInt64, _ action: @escaping () -> Void) {
    queue.add(at: now + span, action)
  }

  func at(_ time: UInt64, _ action: @escaping () -> Void) {
    queue.add(at: max(now, time), action)
  }

  /// Lets time pass until `end`, until nothing is left to happen, or until `isDone` after some event.
  func run(until end: UInt64, isDone: () -> Bool) {
    while let next = queue.nextTime, next <= end, let event = queue.removeFirst() {
      now = event.time
      steps += 1
      mix(event.time)
      event.action()
      if isDone() { return }
    }
    if queue.nextTime.map({ $0 > end }) ?? true { now = max(now, end) }
  }

  /// Adds something that happened to the digest.
  func mix(_ value: UInt64) {
    digest = (digest ^ value) &* 0x0000_0100_0000_01b3
    digest ^= digest >> 29
  }

  /// Lets go of everything that is to happen, which refers to everything there is.
  func end() { queue.removeAll() }

  /// Notes a step for the trace.
  func note(_ actor: @autoclosure () -> String, _ text: @autoclosure () -> String) {
    trace.add(at: now, actor, text)
  }
}
