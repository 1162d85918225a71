package import CommandLineKit
import GRPCTransport
package import NIOCore

/// One lane of a loaded run: sends its share of the commands over the connections of one event loop
/// and counts what became of them. All members are called on that event loop.
package final class LoadLane {
  /// What all lanes of a run share.
  package struct Plan: Sendable {
    package var schedule: LoadSchedule
    /// When the run began.
    package var start: NIODeadline
    package var laneCount: Int
    /// Commands in flight at the same time, over all lanes; at least one per lane.
    package var concurrency: Int
    package var makeCommand: CommandFactory
    /// Called with each command and its outcome, on the event loops of the lanes.
    package var onOutcome: @Sendable (PreparedCommand, CommandOutcome) -> Void

    package init(
      schedule: LoadSchedule, start: NIODeadline, laneCount: Int, concurrency: Int,
      makeCommand: CommandFactory,
      onOutcome: @escaping @Sendable (PreparedCommand, CommandOutcome) -> Void
    ) {
      self.schedule = schedule
      self.start = start
      self.laneCount = laneCount
      self.concurrency = concurrency
      self.makeCommand = makeCommand
      self.onOutcome = onOutcome
    }
  }

  private static let pauseAfterRefusal = TimeAmount.milliseconds(20)

  private let plan: Plan
  private let lane: Int
  private let dispatcher: CommandDispatcher
  private var random = SystemRandomNumberGenerator()
  private var nextIndex: Int
  private var inFlight = 0
  private var isStopped = false
  private var failure: ProgramError?
  private var completion: ((ProgramError?) -> Void)?
  /// A command that is not due yet keeps one slot waiting; the others need not look.
  private var isWaiting = false
  package private(set) var summary = LoadSummary()

  package init(plan: Plan, lane: Int, dispatcher: CommandDispatcher) {
    self.plan = plan
    self.lane = lane
    self.dispatcher = dispatcher
    nextIndex = lane
  }

  /// Runs the lane; `completion` is called once, when the last outcome is known.
  package func run(completion: @escaping (ProgramError?) -> Void) {
    self.completion = completion
    fill()
  }

  /// Sends no more; the run ends with the outcomes of what is in flight.
  package func stop() {
    isStopped = true
    fill()
  }

  package var eventLoop: any EventLoop { dispatcher.eventLoop }

  private var slots: Int {
    let share = plan.concurrency / plan.laneCount
    return max(1, share + (lane < plan.concurrency % plan.laneCount ? 1 : 0))
  }

  private func fill() {
    while inFlight < slots, !isWaiting, !isStopped, sendNext() {}
    guard inFlight == 0, !isWaiting || isStopped, let completion else { return }
    self.completion = nil
    completion(failure)
  }

  /// Sends the next command or arranges for it; `false` when there is none.
  private func sendNext() -> Bool {
    let now = NIODeadline.now()
    guard let due = plan.schedule.due(index: nextIndex, elapsed: now - plan.start) else {
      return false
    }
    let dueAt = plan.start + due
    guard dueAt <= now else {
      isWaiting = true
      dispatcher.eventLoop.assumeIsolated().scheduleTask(deadline: dueAt) {
        self.isWaiting = false
        self.fill()
      }
      return false
    }
    let index = nextIndex
    nextIndex += plan.laneCount
    do {
      send(try plan.makeCommand.command(number: index + 1, using: &random), dueAt: dueAt)
      return true
    } catch {
      failure = failure ?? error
      isStopped = true
      return false
    }
  }

  private func send(_ command: PreparedCommand, dueAt: NIODeadline) {
    inFlight += 1
    dispatcher.send(command) { outcome in
      self.summary.record(outcome, latency: NIODeadline.now() - dueAt)
      self.plan.onOutcome(command, outcome)
      guard outcome.status.code == .unavailable else { return self.freeSlot() }
      // A server that is away refuses at once; it is not to be asked a million times a second.
      self.eventLoop.assumeIsolated().scheduleTask(in: Self.pauseAfterRefusal) { self.freeSlot() }
    }
  }

  private func freeSlot() {
    inFlight -= 1
    fill()
  }
}
