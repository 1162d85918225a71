import CLinux
import CommandLineKit
import Glibc

/// What to start.
struct ChildRequest {
  /// The path of the program; no search.
  var program: String
  /// The first is the name of the program.
  var arguments: [String]
  /// The whole environment.
  var environment: [String: String]
  var directory: String
  /// Where standard output and standard error go.
  var output: Output
  /// Sent by the kernel when the starting thread ends; `nil` lets the child outlive us.
  var parentDeathSignal: Int32?
  /// A new session leaves the terminal for good.
  var startsSession = false

  enum Output {
    /// Into a pipe, for us to read.
    case pipe
    /// Appended to a file.
    case file(String)
  }
}

/// A running child process and the descriptors that belong to it.
///
/// The child leads a process group of its own. Used by one thread, the one that started it, which must
/// live as long as the process: the kernel takes the end of that thread for the parent's death.
struct ChildProcess: ~Copyable {
  let pid: pid_t
  /// Readable when the child has ended; for `poll`.
  let endDescriptor: Int32
  /// The reading end of what the child writes, non-blocking; `nil` when it writes to a file.
  let outputDescriptor: Int32?

  /// Starts a program.
  ///
  /// - Throws: ``ProgramError`` with the step that failed.
  init(_ request: ChildRequest) throws(ProgramError) {
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw .system("cannot open /dev/null", code: errno) }
    defer { close(input) }
    let (reading, writing) = try Self.output(request.output)
    defer { close(writing) }
    let pid: pid_t
    do {
      pid = try Self.spawn(request, input: input, output: writing)
    } catch {
      if let reading { close(reading) }
      throw error
    }
    let endDescriptor = cs_pidfd_open(pid)
    guard endDescriptor >= 0 else {
      let code = errno
      var status: Int32 = 0
      cs_reap_group(pid, &status)
      if let reading { close(reading) }
      throw .system("cannot watch \(request.program)", code: code)
    }
    self.pid = pid
    self.endDescriptor = endDescriptor
    outputDescriptor = reading
  }

  deinit {
    close(endDescriptor)
    if let outputDescriptor { close(outputDescriptor) }
  }

  /// Asks the child itself to stop; it is its business to stop what it started.
  borrowing func terminate() { Glibc.kill(pid, SIGTERM) }

  /// Ends the child and everything in its process group.
  borrowing func kill() { Glibc.kill(-pid, SIGKILL) }

  /// Suspends the child and everything in its process group.
  borrowing func pause() { Glibc.kill(-pid, SIGSTOP) }

  /// Lets what was suspended go on.
  borrowing func resume() { Glibc.kill(-pid, SIGCONT) }

  /// Reaps a child whose end was announced, and ends what is left of its process group.
  borrowing func reap() -> ProcessExit {
    var status: Int32 = 0
    guard cs_reap_group(pid, &status) == 0 else {
      return .notStarted(systemErrorText(errno))
    }
    return ProcessExit(waitStatus: status)
  }

  private static func output(
    _ output: ChildRequest.Output
  ) throws(ProgramError) -> (reading: Int32?, writing: Int32) {
    switch output {
    case .file(let path):
      let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw .system("cannot write \(path)", code: errno) }
      return (nil, descriptor)
    case .pipe:
      var ends: [Int32] = [-1, -1]
      guard cs_pipe(&ends) == 0 else { throw .system("cannot make a pipe", code: errno) }
      // Only our end: a child does not expect its standard output to be non-blocking.
      _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
      return (ends[0], ends[1])
    }
  }

  private static func spawn(
    _ request: ChildRequest, input: Int32, output: Int32
  ) throws(ProgramError) -> pid_t {
    let arguments = request.arguments.map { strdup($0) } + [nil]
    let environment =
      request.environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      arguments.forEach { free($0) }
      environment.forEach { free($0) }
    }
    var step = CS_SPAWN_FORK
    let pid = request.program.withCString { program in
      request.directory.withCString { directory in
        arguments.withUnsafeBufferPointer { arguments in
          environment.withUnsafeBufferPointer { environment in
            var raw = cs_spawn_request()
            raw.program = program
            raw.arguments = arguments.baseAddress
            raw.environment = environment.baseAddress
            raw.directory = directory
            raw.input = input
            raw.output = output
            raw.error = output
            raw.parent_death_signal = request.parentDeathSignal ?? 0
            raw.new_session = request.startsSession ? 1 : 0
            return cs_spawn(&raw, &step)
          }
        }
      }
    }
    guard pid > 0 else {
      let code = errno
      switch step {
      case CS_SPAWN_DIRECTORY: throw .system("cannot enter \(request.directory)", code: code)
      case CS_SPAWN_EXECUTE: throw .system("cannot run \(request.program)", code: code)
      default: throw .system("cannot start \(request.program)", code: code)
      }
    }
    return pid
  }
}
