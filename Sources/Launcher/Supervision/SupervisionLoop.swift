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

  private let layout: RunLayout
  private let slots: [ProcessSlot]
  private let signals: Int32
  private let describe: (Supervisor, [ProcessSlot]) -> RunState
  private let onLaunched: (RunState) -> Void
  private var voice: SupervisionVoice
  private var supervisor: Supervisor
  private var outcome: Supervisor.Outcome?
  private var writtenState: RunState?
  private let start = ContinuousClock.now

  /// - Parameters:
  ///   - signals: the reading end of a signal pipe; every signal in it means stop.
  ///   - describe: makes the state that is written to the state file.
  ///   - onLaunched: called once, when everything is ready for the first time.
  init(
    layout: RunLayout, slots: [ProcessSlot], limits: SupervisionLimits, signals: Int32,
    voice: SupervisionVoice, describe: @escaping (Supervisor, [ProcessSlot]) -> RunState,
    onLaunched: @escaping (RunState) -> Void
  ) {
    self.layout = layout
    self.slots = slots
    self.signals = signals
    self.voice = voice
    self.describe = describe
    self.onLaunched = onLaunched
    supervisor = Supervisor(processes: slots.map(\.plan), limits: limits)
  }

  /// Runs until every process has ended.
  func run() -> Supervisor.Outcome {
    handle(.tick)
    while true {
      saveState()
      if let outcome { return outcome }
      waitAndReact()
    }
  }

  private var now: Duration { ContinuousClock.now - start }

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
      if case .starting = supervisor.states[index], slots[index].probe() { handle(.ready(index)) }
    }
    handle(.tick)
  }

  private func pollTimeout() -> Int32 {
    var wait = Duration.seconds(3600)
    if let deadline = supervisor.nextDeadline { wait = min(wait, deadline - now) }
    let isProbing = supervisor.states.contains { if case .starting = $0 { true } else { false } }
    if isProbing { wait = min(wait, Self.probeInterval) }
    return Int32((max(wait, .zero).secondsAsDouble * 1000).rounded(.up))
  }

  private func handle(_ event: Supervisor.Event) {
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
        case .tell(let notice): voice.tell(notice)
        case .launched:
          // Whoever is told now may ask `cs-up ps` at once.
          saveState()
          onLaunched(describe(supervisor, slots))
        case .finished(let outcome): self.outcome = outcome
        }
      }
    }
  }

  private func saveState() {
    let state = describe(supervisor, slots)
    guard state != writtenState else { return }
    do {
      try writeAtomically(layout.state, state.json.pretty + "\n")
    } catch {
      voice.say("cannot write the state for cs-up ps: \(error)")
    }
    writtenState = state
  }
}
