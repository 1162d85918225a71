import CommandLineKit
import SettingsReading

/// What a supervisor says on standard error: lines of the processes, with the process's name before
/// them, and notices of its own.
struct SupervisionVoice {
  /// Whose lines they are; grows when processes join.
  var plans: [ProcessPlan] { didSet { prefixes = Self.prefixes(of: plans, console) } }
  private let console: Console
  private let relaysLines: Bool
  private var terminal = TerminalWriter()
  private var prefixes: [String]

  /// - Parameter relaysLines: whether lines of processes are shown; they are in their logs anyway.
  init(plans: [ProcessPlan], console: Console, relaysLines: Bool) {
    self.plans = plans
    self.console = console
    self.relaysLines = relaysLines && console.verbosity > .quiet
    prefixes = Self.prefixes(of: plans, console)
  }

  private static func prefixes(of plans: [ProcessPlan], _ console: Console) -> [String] {
    let width = plans.map(\.name.count).max() ?? 0
    let palette: [TextStyle] = [.cyan, .green, .magenta, .yellow, .blue]
    return plans.enumerated().map { index, plan in
      let name = plan.name + String(repeating: " ", count: width - plan.name.count)
      return console.styled("\(name) |", palette[index % palette.count])
    }
  }

  mutating func relay(_ lines: [String], of index: Int) {
    guard relaysLines else { return }
    for line in lines { terminal.write("\(prefixes[index]) \(line)") }
  }

  mutating func say(_ line: String) {
    guard console.verbosity > .quiet else { return }
    terminal.write("\(console.styled("cs-up:", .bold)) \(line)")
  }

  mutating func tell(_ notice: Supervisor.Notice) {
    switch notice {
    case .launching(let indices, let time):
      let names = indices.map { plans[$0].name }.joined(separator: ", ")
      say("still starting after \(time.components.seconds)s; not ready: \(names)")
    case .restarting(let index, let exit, let delay):
      say("\(plans[index].name) \(exit); starting it again in \(delay.text)")
    case .notReady(let index, let time):
      say("\(plans[index].name) is not ready after \(time.text); killing it to start it again")
    case .recovered(let index):
      say("\(plans[index].name) is ready again")
    case .stopping(let role):
      switch role {
      case .node, .function: say("stopping \(role.rawValue)s")
      case .coordinator:
        let count = plans.count { $0.role == .coordinator }
        say("stopping the coordinator\(count == 1 ? "" : "s")")
      case .etcd: say("stopping etcd")
      }
    case .held(let index):
      say("\(plans[index].name) stays down until: cs-up start NAME")
    case .killed(let index):
      say("\(plans[index].name) did not stop in time and was killed")
    }
  }
}
