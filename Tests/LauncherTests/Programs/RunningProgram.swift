import CommandLineKit
import Glibc
import TestSupport
import Testing

@testable import Launcher

/// A run of the real `cs-up`, which stands beside the test program.
///
/// Killed when the value goes away, so a failed test leaves nothing behind.
final class RunningProgram {
  private let child: ChildProcess
  private let folder: TemporaryDirectory
  private var exit: ProcessExit?

  var pid: pid_t { child.pid }

  init(_ arguments: [String]) throws {
    folder = try TemporaryDirectory()
    let program = "\(try programFolder())/cs-up"
    // The shell replaces itself, so the child is cs-up.
    let script =
      "program=$1; shift; exec \"$program\" \"$@\" >\(folder.path)/out 2>\(folder.path)/err"
    child = try ChildProcess(
      ChildRequest(
        program: "/bin/sh", arguments: ["sh", "-c", script, "sh", program] + arguments,
        environment: currentEnvironment(), directory: folder.path, output: .file("/dev/null"),
        parentDeathSignal: nil))
  }

  deinit {
    if exit == nil {
      child.kill()
      _ = child.reap()
    }
  }

  /// What it wrote to standard output and standard error so far.
  var output: String { (try? readFile("\(folder.path)/out")) ?? "" }
  var errors: String { (try? readFile("\(folder.path)/err")) ?? "" }

  func send(_ signal: Int32) { Glibc.kill(pid, signal) }

  /// How it ended; fails the test when it does not within ten seconds.
  func end() async throws -> ProcessExit {
    try await eventually("cs-up ends") { hasEnded }
    let exit = exit ?? child.reap()
    self.exit = exit
    return exit
  }

  private var hasEnded: Bool { exit != nil || LauncherTests.hasEnded(child) }
}

/// Whether a child has ended and can be reaped.
func hasEnded(_ child: borrowing ChildProcess) -> Bool {
  var waiting = pollfd(fd: child.endDescriptor, events: Int16(POLLIN), revents: 0)
  return poll(&waiting, 1, 0) == 1
}

/// Whether a process runs; one that has ended and waits for its parent does not.
func isRunning(_ pid: pid_t) -> Bool {
  guard let status = try? readFile("/proc/\(pid)/stat"),
    let state = status.split(separator: ")").last?.split(separator: " ").first
  else { return false }
  return state != "Z" && state != "X"
}
