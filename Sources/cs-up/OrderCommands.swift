import ArgumentParser
import CommandLineKit
import Launcher

/// The process that a command is about, and the run.
struct ProcessOptions: ParsableArguments {
  @Argument(help: "Process: a node such as cart-2, its function cart-2/function, or coordinator.")
  var name: String

  @Argument(help: "Topology file; or use --data. Default: the one topology that runs.")
  var file: String?

  @OptionGroup var run: RunOptions

  func order(_ verb: ControlRequest.Verb, keepsDown: Bool? = nil) throws {
    var request = ControlRequest(verb: verb, name: name)
    request.keepsDown = keepsDown
    try run.ask(request, file: file)
  }
}

/// `cs-up kill`: ends a process as a crash does.
struct KillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill", abstract: "Kill a process, as a crash does.",
    discussion: """
      It is started again as after a crash, unless --keep-down says otherwise.

      EXAMPLES
        cs-up kill cart-2                                a node
        cs-up kill cart-2/function                       its user function
        cs-up kill coordinator --keep-down               ... until cs-up start coordinator
      """)

  @Flag(help: "Leave it down until cs-up start NAME.") var keepDown = false
  @OptionGroup var process: ProcessOptions

  func run() throws { try process.order(.kill, keepsDown: keepDown) }
}

/// `cs-up pause`: suspends a process.
struct PauseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause", abstract: "Suspend a process: it keeps everything and does nothing.",
    discussion: "EXAMPLE\n  cs-up pause cart-2; sleep 10; cs-up resume cart-2")

  @OptionGroup var process: ProcessOptions

  func run() throws { try process.order(.pause) }
}

/// `cs-up resume`: lets a suspended process go on.
struct ResumeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Let a paused process go on.",
    discussion: "EXAMPLE\n  cs-up resume cart-2")

  @OptionGroup var process: ProcessOptions

  func run() throws { try process.order(.resume) }
}

/// `cs-up restart`: stops a process in order and starts it again.
struct RestartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", abstract: "Stop a process in order and start it again.",
    discussion: "EXAMPLE\n  cs-up restart cart-2")

  @OptionGroup var process: ProcessOptions

  func run() throws { try process.order(.restart) }
}
