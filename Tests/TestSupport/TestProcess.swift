package import CLinux
import Glibc

/// A program under test: started at once, its output captured in files, killed and reaped at the
/// latest when the value goes away. Any thread may call.
///
/// The compiler may let a value go after its last use: hold it in a property, or end the test with
/// ``waitForExit(within:)``.
///
/// The program leads a process group of its own. When the value goes away the whole group is killed,
/// so that children of a launcher do not outlive a failed test. The program is reaped only then, so
/// its number, and that of its group, cannot come to mean another program before.
package final class TestProcess: Sendable {
  /// How a program ended.
  package enum Exit: Hashable, Sendable {
    /// It returned or called `exit`.
    case code(Int32)
    /// A signal ended it.
    case signal(Int32)
  }

  /// One of the two captured streams.
  package enum Stream: String, Sendable {
    case standardOutput, standardError
  }

  /// A line did not come, or an end did not; the text holds what the program wrote.
  package struct Failure: Error, CustomStringConvertible, Sendable {
    package let description: String
  }

  /// The identifier of the program, and of its process group.
  package let processID: pid_t

  private let program: String
  private let folder: TemporaryDirectory

  /// Starts `program`, a path, with standard input closed.
  ///
  /// - Parameter environment: variables set in addition to those of the test; an empty value removes
  ///   one.
  /// - Throws: ``TestSetupError`` if the program cannot be started.
  package init(
    _ program: String, _ arguments: [String] = [], environment: [String: String] = [:]
  ) throws {
    self.program = program
    self.folder = try TemporaryDirectory()
    self.processID = try spawn(
      program, arguments: arguments, environment: mergedEnvironment(environment),
      standardOutput: "\(folder.path)/\(Stream.standardOutput)",
      standardError: "\(folder.path)/\(Stream.standardError)")
  }

  deinit {
    kill(-processID, SIGKILL)
    var status: Int32 = 0
    while waitpid(processID, &status, 0) == -1, errno == EINTR {}
  }

  /// Everything written so far.
  package func output(_ stream: Stream) -> String {
    String(decoding: readFile("\(folder.path)/\(stream)"), as: UTF8.self)
  }

  /// Sends a signal to the program alone; does nothing after its end.
  package func signal(_ number: Int32) { kill(processID, number) }

  /// How the program ended, or `nil` while it runs.
  package func exitIfEnded() -> Exit? {
    var info = siginfo_t()
    var result: Int32
    repeat {
      result = waitid(P_PID, id_t(processID), &info, WEXITED | WNOHANG | WNOWAIT)
    } while result == -1 && errno == EINTR
    let child = info._sifields._sigchld
    guard result == 0, child.si_pid == processID else { return nil }
    return info.si_code == CLD_EXITED ? .code(child.si_status) : .signal(child.si_status)
  }

  /// Waits for the end of the program.
  ///
  /// - Throws: ``Failure`` if it still runs after `deadline`.
  @discardableResult
  package func waitForExit(within deadline: Duration = .seconds(10)) async throws -> Exit {
    try await poll(within: deadline, for: "its end") { exitIfEnded() }
  }

  /// Waits for a complete line that contains `text` and answers the first one.
  ///
  /// - Throws: ``Failure`` if the line is not there after `deadline` or after the program's end.
  @discardableResult
  package func waitForLine(
    containing text: String, in stream: Stream = .standardError,
    within deadline: Duration = .seconds(10)
  ) async throws -> String {
    try await poll(within: deadline, for: "a line with '\(text)'") {
      // The end is looked at first: what was written before it is then complete.
      let ended = exitIfEnded()
      let lines = output(stream).split(separator: "\n", omittingEmptySubsequences: false)
      if let line = lines.dropLast().first(where: { $0.contains(text) }) { return String(line) }
      if let ended { throw failure("it ended with \(ended) before a line with '\(text)'") }
      return nil
    }
  }

  private func poll<Value>(
    within deadline: Duration, for what: String, _ look: () throws -> Value?
  ) async throws -> Value {
    let end = ContinuousClock.now + deadline
    while true {
      if let value = try look() { return value }
      guard ContinuousClock.now < end else { throw failure("not within \(deadline): \(what)") }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  private func failure(_ what: String) -> Failure {
    Failure(
      description: """
        \(program): \(what)
        --- standard output
        \(output(.standardOutput))
        --- standard error
        \(output(.standardError))
        """)
  }
}

/// The environment of the test with changes; `/proc` is read because the C variable is not safe to
/// touch from several threads.
private func mergedEnvironment(_ changes: [String: String]) -> [String] {
  var merged: [String: String] = [:]
  for entry in readFile("/proc/self/environ").split(separator: 0) {
    let parts = String(decoding: entry, as: UTF8.self).split(
      separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2 { merged[String(parts[0])] = String(parts[1]) }
  }
  merged.merge(changes) { _, new in new }
  return merged.filter { !$0.value.isEmpty }.map { "\($0.key)=\($0.value)" }
}

/// Starts a program with standard input from `/dev/null` and no other descriptor of the test.
private func spawn(
  _ program: String, arguments: [String], environment: [String],
  standardOutput: String, standardError: String
) throws -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  let creating = O_WRONLY | O_CREAT | O_APPEND
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 1, standardOutput, creating, 0o600)
  posix_spawn_file_actions_addopen(&actions, 2, standardError, creating, 0o600)
  // Sockets of other tests are not close-on-exec; a child that holds them would keep their ports and hide
  // the ends of their connections.
  cs_spawn_actions_close_from(&actions, 3)

  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  // What the test runner blocks or ignores is not what a program finds in life.
  var noSignals = sigset_t()
  sigemptyset(&noSignals)
  var allSignals = sigset_t()
  sigfillset(&allSignals)
  posix_spawnattr_setsigmask(&attributes, &noSignals)
  posix_spawnattr_setsigdefault(&attributes, &allSignals)
  posix_spawnattr_setpgroup(&attributes, 0)
  posix_spawnattr_setflags(
    &attributes,
    Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

  let argumentPointers = ([program] + arguments).map { strdup($0) } + [nil]
  let environmentPointers = environment.map { strdup($0) } + [nil]
  defer { (argumentPointers + environmentPointers).forEach { free($0) } }
  var processID: pid_t = 0
  let code = posix_spawn(
    &processID, program, &actions, &attributes, argumentPointers, environmentPointers)
  guard code == 0 else { throw TestSetupError(what: "posix_spawn of \(program)", code: code) }
  return processID
}

/// All bytes of a file; empty if it cannot be read.
private func readFile(_ path: String) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return [] }
  defer { close(descriptor) }
  var content: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(descriptor, &chunk, chunk.count)
    if count == -1, errno == EINTR { continue }
    guard count > 0 else { return content }
    content += chunk[..<count]
  }
}
