/// A process of the simulated cluster: it lives, stands still, dies and is started again. What was to happen in it
/// dies with it.
final class SimProcess {
  let name: String
  let world: World
  let clock: DriftingClock
  private(set) var isAlive = false
  private(set) var isPaused = false
  /// Counts starts and ends.
  private(set) var life: UInt64 = 0
  private var backlog: [() -> Void] = []
  /// What the clock showed when the process was stopped, while it goes on with what it had begun then.
  private var oldReading: UInt64?

  init(_ name: String, in world: World, maximumDriftPPM: Int) {
    self.name = name
    self.world = world
    clock = DriftingClock(
      driftPPM: Int64(world.random.int(-maximumDriftPPM...maximumDriftPPM)),
      offset: world.random.span(1...1000) * Span.second)
  }

  // MARK: Clock

  /// The reading that what happens now goes by: taken at its begin, and old if the process stood still since.
  var now: UInt64 { oldReading ?? clock.reading(at: world.now) }

  /// A reading of this moment.
  var freshNow: UInt64 { clock.reading(at: world.now) }

  var uptime: Duration { .nanoseconds(Int64(clamping: now)) }

  // MARK: Life

  func start() {
    isAlive = true
    life += 1
  }

  func die() {
    isAlive = false
    isPaused = false
    life += 1
    backlog = []
    oldReading = nil
  }

  /// As SIGSTOP does.
  func pause() {
    guard isAlive, !isPaused else { return }
    isPaused = true
    oldReading = clock.reading(at: world.now)
  }

  /// As SIGCONT does: what came meanwhile happens now. The first of it had read the clock before.
  func resume() {
    guard isPaused else { return }
    isPaused = false
    let waiting = backlog
    backlog = []
    let life = life
    for action in waiting {
      guard self.life == life else { return }
      action()
      oldReading = nil
    }
    oldReading = nil
  }

  // MARK: Events

  /// Does something in this process now, unless it is gone; later, if it stands still.
  func run(_ action: @escaping () -> Void) {
    guard isAlive else { return }
    if isPaused {
      backlog.append(action)
    } else {
      action()
    }
  }

  /// Does something in this process after a span of true time, unless it dies before.
  func after(_ span: UInt64, _ action: @escaping () -> Void) {
    let life = life
    world.after(span) { [weak self] in
      guard let self, self.life == life else { return }
      run(action)
    }
  }

  /// Likewise after a span of the process's own clock.
  func afterOwn(_ span: UInt64, _ action: @escaping () -> Void) {
    after(clock.trueSpan(span), action)
  }

  func note(_ text: @autoclosure () -> String) { world.note(name, text()) }
}
