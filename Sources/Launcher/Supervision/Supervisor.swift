/// Decides when the processes of a plan are started, restarted and stopped.
///
/// A pure machine: events with a time in, actions out; the shell is ``SupervisionLoop``. Times count
/// from any fixed moment and never go back.
///
/// Until all processes have been ready at once the topology is *launching*, and a process that keeps
/// failing ends the launch. From then on it is *running*, and whatever exits is restarted for ever,
/// with a growing delay. *Stopping* ends nodes, then functions, then the coordinator, so that every
/// process still finds those it needs while it drains.
///
/// While it runs, single processes are killed, paused, restarted and so on by an ``Order``, and
/// processes join and retire.
package struct Supervisor: Sendable {
  /// One process. Exits and `stop` may come in any state.
  package enum State: Hashable, Sendable {
    /// Not running until its dependencies are ready; then `starting`.
    case waiting
    /// Running, not ready; then `ready`, or `killing` when it takes too long.
    case starting(since: Duration)
    case ready(since: Duration)
    /// Killed because it did not become ready; after its exit `backingOff`.
    case killing
    /// Exited; then `waiting`.
    case backingOff(until: Duration)
    /// Ready once, and now suspended by an order; then `ready`.
    case paused(since: Duration)
    /// Asked to stop, or killed, by an order; killed at the deadline (`nil`: it already was).
    case ending(Ending, killAt: Duration?)
    /// Kept down by an order; then `waiting`.
    case held
    /// Gone for good; its place may be taken by a process of the same name.
    case retired
    /// Asked to stop; killed at the deadline (`nil`: it already was); then `stopped`.
    case stopping(killAt: Duration?)
    case stopped

    /// Whether there is a process.
    package var isAlive: Bool {
      switch self {
      case .starting, .ready, .paused, .killing, .ending, .stopping: true
      case .waiting, .backingOff, .held, .retired, .stopped: false
      }
    }

    /// Whether it is ready and not suspended.
    package var isReady: Bool { if case .ready = self { true } else { false } }
    /// Whether it was started and is not ready yet.
    package var isStarting: Bool { if case .starting = self { true } else { false } }
  }

  /// What follows the end of a process that an order ended.
  package enum Ending: Hashable, Sendable {
    /// It is started again at once.
    case restart
    /// It stays down until an order starts it.
    case hold
    /// It is gone for good.
    case retire
  }

  package enum Event: Hashable, Sendable {
    /// Time went by; also the first event.
    case tick
    case ready(Int)
    case exited(Int, ProcessExit)
    /// Somebody wants something of one process; ``Supervisor/refusal(of:for:)`` says whether it may be.
    case order(Int, Order)
    /// Stop in order; the second time, kill.
    case stop
  }

  package enum Action: Hashable, Sendable {
    case start(Int)
    case terminate(Int)
    case kill(Int)
    case pause(Int)
    case resume(Int)
    case tell(Notice)
    /// All processes are ready for the first time.
    case launched
    /// Nothing runs any more.
    case finished(Outcome)
  }

  /// Something a person wants to know.
  package enum Notice: Hashable, Sendable {
    /// The launch takes long; these are not ready.
    case launching([Int], after: Duration)
    case restarting(Int, ProcessExit, delay: Duration)
    case notReady(Int, after: Duration)
    case recovered(Int)
    case stopping(ProcessPlan.Role)
    case killed(Int)
    case held(Int)
  }

  package enum Outcome: Hashable, Sendable {
    /// Stopped on demand after the launch.
    case stopped
    /// Stopped on demand during the launch.
    case interrupted
    /// The launch failed because this process kept exiting.
    case crashed(Int, ProcessExit)
    /// The launch failed because this process did not become ready.
    case notReady(Int, after: Duration)
  }

  package internal(set) var states: [State]
  /// How often each process was started again.
  package internal(set) var restarts: [Int]
  package private(set) var hasLaunched = false
  package private(set) var isStopping = false

  package internal(set) var processes: [ProcessPlan]
  let limits: SupervisionLimits
  /// Exits in a row, without ``SupervisionLimits/stableAfter`` of readiness between them.
  var failures: [Int]
  var wasStarted: [Bool]
  private var begin: Duration?
  private var nextProgress: Duration?
  private var outcome = Outcome.stopped
  private var stage: ProcessPlan.Role?
  private var isFinished = false

  package init(processes: [ProcessPlan], limits: SupervisionLimits = SupervisionLimits()) {
    self.processes = processes
    self.limits = limits
    states = Array(repeating: .waiting, count: processes.count)
    restarts = Array(repeating: 0, count: processes.count)
    failures = restarts
    wasStarted = Array(repeating: false, count: processes.count)
  }

  /// Takes in what happened at `now` and answers what to do, in order.
  package mutating func handle(_ event: Event, at now: Duration) -> [Action] {
    var actions: [Action] = []
    guard !isFinished else { return [] }
    if begin == nil {
      begin = now
      nextProgress = now + limits.progressEvery
    }
    switch event {
    case .tick: break
    case .ready(let index): becameReady(index, at: now, &actions)
    case .exited(let index, let exit): exited(index, exit, at: now, &actions)
    case .order(let index, let order): carryOut(order, index, at: now, &actions)
    case .stop: stop(at: now, &actions)
    }
    passTime(now, &actions)
    if isStopping { advanceStop(now, &actions) } else { startWaiting(now, &actions) }
    return actions
  }

  /// When ``Event/tick`` is due next, at the latest; `nil` while only other events matter.
  package var nextDeadline: Duration? {
    var deadlines = states.compactMap { state -> Duration? in
      switch state {
      case .starting(let since): since + limits.readyWithin
      case .backingOff(let until): until
      case .stopping(let killAt), .ending(_, let killAt): killAt
      case .waiting, .ready, .paused, .killing, .held, .retired, .stopped: nil
      }
    }
    if !hasLaunched, !isStopping, let nextProgress { deadlines.append(nextProgress) }
    return deadlines.min()
  }

  private mutating func becameReady(_ index: Int, at now: Duration, _ actions: inout [Action]) {
    guard case .starting = states[index] else { return }
    states[index] = .ready(since: now)
    if restarts[index] > 0 { actions.append(.tell(.recovered(index))) }
    if !hasLaunched, states.allSatisfy(\.isReady) {
      hasLaunched = true
      actions.append(.launched)
    }
  }

  private mutating func exited(
    _ index: Int, _ exit: ProcessExit, at now: Duration, _ actions: inout [Action]
  ) {
    guard states[index].isAlive else { return }
    if isStopping {
      states[index] = .stopped
      return
    }
    switch states[index] {
    case .ending(let ending, _):
      ended(index, by: ending, &actions)
      return
    case .ready(let since) where now - since >= limits.stableAfter: failures[index] = 0
    default: break
    }
    failures[index] += 1
    if !hasLaunched, failures[index] >= limits.launchAttempts {
      states[index] = .stopped
      beginStop(.crashed(index, exit))
      return
    }
    let delay = limits.restartDelay(afterFailures: failures[index])
    states[index] = .backingOff(until: now + delay)
    actions.append(.tell(.restarting(index, exit, delay: delay)))
  }

  private mutating func passTime(_ now: Duration, _ actions: inout [Action]) {
    for index in states.indices {
      switch states[index] {
      case .backingOff(let until) where until <= now:
        states[index] = .waiting
      case .starting(let since) where since + limits.readyWithin <= now && !isStopping:
        if hasLaunched {
          states[index] = .killing
          actions.append(.tell(.notReady(index, after: limits.readyWithin)))
          actions.append(.kill(index))
        } else {
          beginStop(.notReady(index, after: limits.readyWithin))
        }
      case .ending(let ending, let killAt?) where killAt <= now && !isStopping:
        states[index] = .ending(ending, killAt: nil)
        actions.append(.tell(.killed(index)))
        actions.append(.kill(index))
      case .stopping(let killAt?) where killAt <= now:
        states[index] = .stopping(killAt: nil)
        actions.append(.tell(.killed(index)))
        actions.append(.kill(index))
      default: break
      }
    }
    if !hasLaunched, !isStopping, let due = nextProgress, let begin, due <= now {
      nextProgress = now + limits.progressEvery
      let late = states.indices.filter { !states[$0].isReady }
      actions.append(.tell(.launching(late, after: now - begin)))
    }
  }

  /// What has to be ready before a process is started, and is not.
  package func missing(for index: Int) -> [Int] {
    processes[index].dependencies.filter { !states[$0].isReady }
  }

  private mutating func startWaiting(_ now: Duration, _ actions: inout [Action]) {
    for index in states.indices where states[index] == .waiting {
      guard missing(for: index).isEmpty else { continue }
      states[index] = .starting(since: now)
      if wasStarted[index] { restarts[index] += 1 }
      wasStarted[index] = true
      actions.append(.start(index))
    }
  }

  private mutating func stop(at now: Duration, _ actions: inout [Action]) {
    guard isStopping else {
      beginStop(hasLaunched ? .stopped : .interrupted)
      return
    }
    for index in states.indices where states[index].isAlive {
      if states[index] == .stopping(killAt: nil) { continue }
      states[index] = .stopping(killAt: nil)
      actions.append(.kill(index))
    }
  }

  private mutating func beginStop(_ outcome: Outcome) {
    isStopping = true
    self.outcome = outcome
    for index in states.indices where !states[index].isAlive && states[index] != .retired {
      states[index] = .stopped
    }
  }

  /// Asks the first role that still runs to stop, and finishes when none does.
  private mutating func advanceStop(_ now: Duration, _ actions: inout [Action]) {
    let running = ProcessPlan.Role.allCases.first { role in
      states.indices.contains { processes[$0].role == role && states[$0].isAlive }
    }
    guard let role = running else {
      isFinished = true
      actions.append(.finished(outcome))
      return
    }
    guard stage != role else { return }
    stage = role
    actions.append(.tell(.stopping(role)))
    for index in states.indices where processes[index].role == role && states[index].isAlive {
      if case .stopping = states[index] { continue }
      // A process that was killed has nothing left to drain.
      let isKilled =
        switch states[index] {
        case .killing, .ending(_, killAt: nil): true
        default: false
        }
      let wasPaused = if case .paused = states[index] { true } else { false }
      states[index] = .stopping(killAt: isKilled ? nil : now + limits.stopWithin(role))
      if !isKilled { actions.append(.terminate(index)) }
      if wasPaused { actions.append(.resume(index)) }
    }
  }
}
