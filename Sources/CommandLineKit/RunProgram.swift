package import ArgumentParser
import Glibc

/// The version of all programs of this package.
package let programVersion = "0.1.0"

/// Parses the command line, runs the command and ends the process with a documented status.
///
/// `main.swift` of every program is one line: `await runProgram(NodeCommand.self)`. Help and version go
/// to standard output; mistakes go to standard error with status ``ExitStatus/usage``.
///
/// - Parameters:
///   - arguments: the command line without the program's name; `nil` takes the process's own.
///   - usageCode: ends the process instead of ``ExitStatus/usage``, for a command that must tell it from something else.
package func runProgram(
  _ command: (some ParsableCommand).Type, arguments: [String]? = nil,
  usageCode: Int32 = ExitStatus.usage.rawValue
) async -> Never {
  ignoreBrokenPipes()
  do {
    var parsed = try command.parseAsRoot(arguments)
    if var concurrent = parsed as? any AsyncParsableCommand {
      try await concurrent.run()
    } else {
      try parsed.run()
    }
    exit(ExitStatus.ok.rawValue)
  } catch {
    let code = report(error, of: command)
    let isUsage = !(error is ExitCode) && code == ExitStatus.usage.rawValue
    exit(isUsage ? usageCode : code)
  }
}

/// As ``runProgram(_:arguments:)-(_,_)``, for a program that does more with its command than the
/// command knows.
package func runProgram<Command: ParsableCommand>(
  _ command: Command.Type, arguments: [String],
  body: (Command) async throws -> Void
) async -> Never {
  ignoreBrokenPipes()
  do {
    let parsed = try command.parseAsRoot(arguments)
    if let command = parsed as? Command {
      try await body(command)
    } else {
      var other = parsed
      try other.run()
    }
    exit(ExitStatus.ok.rawValue)
  } catch {
    exit(report(error, of: command))
  }
}

/// As ``runProgram(_:arguments:)-(_,_)``, for programs whose commands never wait asynchronously: runs
/// on the calling thread and starts no other.
package func runSynchronousProgram(
  _ command: (some ParsableCommand).Type, arguments: [String]? = nil
) -> Never {
  ignoreBrokenPipes()
  do {
    var parsed = try command.parseAsRoot(arguments)
    try parsed.run()
    exit(ExitStatus.ok.rawValue)
  } catch {
    exit(report(error, of: command))
  }
}

/// Makes writes to a closed pipe or socket fail with `EPIPE` instead of ending the process.
package func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

/// What a program tells about an error and how it ends.
package struct ErrorReport: Hashable, Sendable {
  /// For standard output: help and version texts.
  package var output: String?
  /// For standard error, without `error:`.
  package var message: String?
  package var hint: String?
  /// An exit code; not an ``ExitStatus``, since a command may ask for any code.
  package var code: Int32
}

/// Sorts an error thrown by parsing or running `command`.
package func errorReport(
  _ error: any Error, of command: (some ParsableCommand).Type
) -> ErrorReport {
  if error is OutputClosed { return ErrorReport(code: ExitStatus.ok.rawValue) }
  if error is CancellationError { return ErrorReport(code: ExitStatus.interrupted.rawValue) }
  if let error = error as? ProgramError {
    return ErrorReport(message: error.message, hint: error.hint, code: error.status.rawValue)
  }
  let code = command.exitCode(for: error)
  if code == .success { return ErrorReport(output: command.fullMessage(for: error), code: 0) }
  if let code = error as? ExitCode { return ErrorReport(code: code.rawValue) }
  if code != .validationFailure {
    return ErrorReport(message: "\(error)", code: ExitStatus.failure.rawValue)
  }
  var message = command.fullMessage(for: error)
  if message.hasPrefix("Error: ") { message.removeFirst("Error: ".count) }
  return ErrorReport(message: message, code: ExitStatus.usage.rawValue)
}

private func report(_ error: any Error, of command: (some ParsableCommand).Type) -> Int32 {
  let report = errorReport(error, of: command)
  let console = Console()
  if let output = report.output { try? console.output(output) }
  if let message = report.message { console.error(message) }
  if let hint = report.hint { console.hint(hint) }
  return report.code
}
