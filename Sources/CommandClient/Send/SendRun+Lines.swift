import CommandLineKit
import GRPCTransport
import NIOCore
import Synchronization

extension SendRun {
  /// Sends each line of standard input as a command. A line that fails is told of on standard error and
  /// does not stop the others.
  ///
  /// - Returns: the status of the first failure.
  func sendLines(
    _ method: MethodCatalog.Entry, _ discovery: ClientSession.Discovery, _ report: ReportFile?,
    concurrency: Int
  ) async throws -> ExitStatus {
    StandardInput.announceTerminal(console)
    let factory = try factory(method, discovery, body: CommandTemplate(verbatim: "{}"))
    let sender = try await sender(discovery)
    let failures = LineFailures(console: console)
    var random = SystemRandomNumberGenerator()
    var lineNumber = 0
    try await withThrowingTaskGroup(of: Void.self) { group in
      var running = 0
      while let line = try await StandardInput.line() {
        lineNumber += 1
        guard line.contains(where: { !$0.isWhitespace }) else { continue }
        let number = lineNumber
        let command: PreparedCommand
        do throws(ProgramError) {
          let body =
            plan.usesTemplates ? try CommandTemplate(line) : CommandTemplate(verbatim: line)
          command = try factory.command(number: number, body: body, using: &random)
        } catch {
          failures.add(number, error)
          if plan.output == .json { try console.output(Self.unsent(error, line: number).compact) }
          continue
        }
        if running == concurrency {
          try await group.next()
          running -= 1
        }
        running += 1
        group.addTask {
          let outcome = await sender.send(command)
          report?.add(outcome.reportLine(of: command))
          try print(outcome, of: command, factory, line: number)
          if outcome.status.code != .ok { failures.add(number, outcome.status.programError()) }
        }
      }
      try await group.waitForAll()
    }
    return failures.status
  }

  /// The record of a line that was not sent, so that there is one for each.
  private static func unsent(_ error: ProgramError, line: Int) -> JSONText {
    .object([
      ("line", .integer(Int64(line))), ("ok", .bool(false)),
      ("status", .string("INVALID_ARGUMENT")), ("message", .string(error.message)),
      ("attempts", .integer(0)),
    ])
  }
}

/// Tells of lines that failed and remembers the first. May be used from any task.
private final class LineFailures: Sendable {
  private let console: Console
  private let first = Mutex<(line: Int, status: ExitStatus)?>(nil)

  init(console: Console) { self.console = console }

  /// The status of the first line that failed, else `ok`.
  var status: ExitStatus { first.withLock { $0?.status } ?? .ok }

  func add(_ line: Int, _ error: ProgramError) {
    console.error("line \(line): \(error.message)")
    first.withLock { first in
      if first.map({ line < $0.line }) ?? true { first = (line, error.status) }
    }
  }
}
