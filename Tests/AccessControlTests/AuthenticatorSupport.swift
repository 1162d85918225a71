import CloudstateModel
import Synchronization

/// A worker that does what it is given when the test says so.
final class HeldWorker: Sendable {
  private let work = Mutex<[@Sendable (Bool) -> Void]>([])

  func add(_ body: @escaping @Sendable (Bool) -> Void) { work.withLock { $0.append(body) } }
  var count: Int { work.withLock(\.count) }

  func run(isActive: Bool = true) {
    let all = work.withLock { work in
      defer { work = [] }
      return work
    }
    for body in all { body(isActive) }
  }
}

/// A time of day that tests set; begins 1000 seconds after 1970.
final class Clock: Sendable {
  let value = Atomic<Int64>(1_000_000)
  private let once = Mutex<(@Sendable () -> Void)?>(nil)

  /// Does something the second time that somebody asks: a verification does so when it runs.
  func whenAsked(_ body: @escaping @Sendable () -> Void) {
    once.withLock { once in once = { self.once.withLock { $0 = body } } }
  }

  func read() -> Timestamp {
    let body = once.withLock { once in
      defer { once = nil }
      return once
    }
    body?()
    return Timestamp(unixMilliseconds: value.load(ordering: .relaxed))
  }

  func set(seconds: Int64) { value.store(seconds * 1000, ordering: .relaxed) }
}
