import CommandLineKit
import Glibc
import SettingsReading

/// Carries out what a ``Supervisor`` decides, for the processes of one plan.
///
/// One thread does everything in one `poll` loop: it starts the children, so it is the thread whose
/// end the kernel reports to them as the parent's death, and it must be one that lives as long as the
/// process. In `cs-up` it is the main thread.
final class SupervisionLoop {
  /// How often processes that start are looked at.
  private static let probeInterval = Duration.milliseconds(20)

  let run: RunningTopology
  private(set) var slots: [ProcessSlot]
  private(set) var supervisor: Supervisor
  /// The bus of a topology with `chaos: true`.
  let relay: LinkRelay?
  /// The number of nodes that is being changed, and who waits for it.
  var scaling: ScalingJob?
  /// Nodes that stay, of which the coordinator has to be told.
  var undraining = Undraining()
  /// What the next `cs-up` here has to take back, if this one does not.
  var drainNotes = DrainNotes()
  private let signals: Int32
  private let onLaunched: (RunState) -> Void
  private var voice: SupervisionVoice
  private var parts: [any PolledPart] = []
  private var outcome: Supervisor.Outcome?
  private var writtenState: RunState?
  private let start = ContinuousClock.now

  /// - Parameters:
  ///   - signals: the reading end of a signal pipe; every signal in it means stop.
  ///   - onLaunched: called once, when everything is ready for the first time.
  /// - Throws: ``ProgramError`` when a socket cannot be made.
  init(
    run: RunningTopology, slots: [ProcessSlot], limits: SupervisionLimits, signals: Int32,
    voice: SupervisionVoice, onLaunched: @escaping (RunState) -> Void
  ) throws(ProgramError) {
    self.run = run
    self.slots = slots
    self.signals = signals
    self.voice = voice
    self.onLaunched = onLaunched
    supervisor = Supervisor(processes: slots.map(\.plan), limits: limits)
    relay = run.topology.isChaotic ? LinkRelay(layout: run.layout) : nil
    if let relay {
      for slot in slots where slot.plan.role != .function { try relay.add(slot.plan.name) }
      parts.append(relay)
    }
    let server = try ControlServer(layout: run.layout) { [weak self] request, reply in
      self?.carryOut(request, reply)
    }
    parts += [server, run.admin]
    recallDrains()
  }

  /// Runs until every process has ended.
  func supervise() -> Supervisor.Outcome {
    handle(.tick)
    while true {
      saveState()
      if let outcome { return outcome }
      waitAndReact()
    }
  }

  var now: Duration { ContinuousClock.now - start }

  private enum Source {
    case signals
    case output(Int)
    case end(Int)
  }

  private func waitAndReact() {
    var entries = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
    var sources = [Source.signals]
    for (index, slot) in slots.enumerated() {
      // Output before end, so that the last lines are told before the end is.
      if let descriptor = slot.outputDescriptor {
        entries.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
        sources.append(.output(index))
      }
      if let descriptor = slot.endDescriptor {
        entries.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
        sources.append(.end(index))
      }
    }
    let partsBegin = entries.count
    var lengths: [Int] = []
    for part in parts {
      let own = part.pollEntries()
      lengths.append(own.count)
      entries += own
    }
    poll(&entries, nfds_t(entries.count), pollTimeout())
    for (entry, source) in zip(entries, sources) where entry.revents != 0 {
      switch source {
      case .signals:
        while readSignal(from: signals) != nil { handle(.stop) }
      case .output(let index):
        voice.relay(slots[index].readOutput(), of: index)
      case .end(let index):
        let (exit, lines) = slots[index].reap()
        voice.relay(lines, of: index)
        handle(.exited(index, exit))
      }
    }
    for index in slots.indices {
      if supervisor.states[index].isStarting, slots[index].probe() { handle(.ready(index)) }
    }
    var next = partsBegin
    for (part, length) in zip(parts, lengths) {
      part.react(to: entries[next..<next + length], at: now)
      next += length
    }
    advanceScaling()
    advanceUndraining()
    handle(.tick)
  }

  private func pollTimeout() -> Int32 {
    var wait = Duration.seconds(3600)
    let deadlines =
      [supervisor.nextDeadline, scaling?.machine.nextDeadline, undraining.nextDeadline]
      + parts.map(\.deadline)
    for deadline in deadlines.compactMap({ $0 }) { wait = min(wait, deadline - now) }
    if supervisor.states.contains(where: \.isStarting) { wait = min(wait, Self.probeInterval) }
    return Int32((max(wait, .zero).secondsAsDouble * 1000).rounded(.up))
  }

  func handle(_ event: Supervisor.Event) {
    var events = [event]
    while !events.isEmpty {
      for action in supervisor.handle(events.removeFirst(), at: now) {
        switch action {
        case .start(let index):
          do {
            try slots[index].start()
          } catch {
            events.append(.exited(index, .notStarted(error.message)))
          }
        case .terminate(let index): slots[index].terminate()
        case .kill(let index): slots[index].kill()
        case .pause(let index): slots[index].pause()
        case .resume(let index): slots[index].resume()
        case .tell(let notice): voice.tell(notice)
        case .launched:
          // Whoever is told now may ask `cs-up ps` at once.
          saveState()
          onLaunched(describe())
        case .finished(let outcome): self.outcome = outcome
        }
      }
    }
  }

  func say(_ line: String) { voice.say(line) }

  /// Takes processes into the running topology; they are started with the next event.
  ///
  /// - Throws: ``ProgramError`` when one cannot be prepared; then none was taken in.
  func add(_ plans: [ProcessPlan]) throws(ProgramError) {
    var prepared: [ProcessSlot] = []
    for plan in plans { prepared.append(try run.makeSlot(plan)) }
    for plan in plans where plan.role == .node { try relay?.add(plan.name) }
    let indices = supervisor.add(plans)
    for (index, slot) in zip(indices, prepared) {
      if index < slots.count { slots[index] = slot } else { slots.append(slot) }
    }
    voice.plans = supervisor.processes
    handle(.tick)
  }

  private func describe() -> RunState {
    run.describe(
      supervisor: supervisor, slots: slots, cuts: relay?.cuts ?? Cuts(),
      activity: scaling?.activity)
  }

  private func saveState() {
    let state = describe()
    guard state != writtenState else { return }
    do {
      try writeAtomically(run.layout.state, state.json.pretty + "\n")
    } catch {
      voice.say("cannot write the state for cs-up ps: \(error)")
    }
    writtenState = state
  }
}
