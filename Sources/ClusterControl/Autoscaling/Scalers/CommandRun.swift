import CLinux
import Glibc
import NIOCore
import Synchronization

/// Ends a ``CommandRun`` early. Any thread.
final class CommandInterrupt: Sendable {
  private let state = Atomic<Bool>(false)

  var isRaised: Bool { state.load(ordering: .relaxed) }

  func raise() { state.store(true, ordering: .relaxed) }
}

/// One run of a program to its end, on the calling thread.
struct CommandRun: Sendable {
  /// More of each output is read and thrown away.
  static let maximumOutput = 65_536
  /// As much of the error output as belongs in a message.
  static let maximumErrorText = 400

  /// The first is the path of the program.
  var command: [String]
  /// The whole environment.
  var environment: [String: String]
  var timeout: Duration
  var interrupt = CommandInterrupt()

  /// How often a run looks whether it was interrupted.
  private static let lookout = Duration.milliseconds(100)

  struct End: Sendable {
    /// `nil` if a signal ended the program.
    var exitCode: Int32?
    var output: String
    /// The end of it, where programs say why they fail.
    var errorOutput: String
  }

  /// - Throws: ``ScalerError``: `.failed` if the program cannot be started or was interrupted, `.timeout` if it had to be
  ///   killed.
  func run() throws(ScalerError) -> End {
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw failure("cannot open /dev/null") }
    defer { close(input) }
    var output = try OutputPipe()
    defer { output.close() }
    var errors = try OutputPipe()
    defer { errors.close() }
    let pid = try spawn(input: input, output: output.writing, errors: errors.writing)
    output.closeWriting()
    errors.closeWriting()

    let ended = cs_pidfd_open(pid)
    guard ended >= 0 else {
      let error = failure("cannot watch \(command[0])")
      kill(-pid, SIGKILL)
      _ = reap(pid)
      throw error
    }
    defer { close(ended) }
    let isInTime = wait(for: ended, reading: &output, &errors)
    if !isInTime { kill(-pid, SIGKILL) }
    let exitCode = reap(pid)
    output.readAvailable()
    errors.readAvailable()
    guard isInTime else {
      guard !interrupt.isRaised else {
        throw ScalerError(.failed, "\(command[0]) was killed: nobody waits for it any more")
      }
      throw ScalerError(.timeout, "\(command[0]) did not end within \(timeout) and was killed")
    }
    return End(
      exitCode: exitCode, output: String(decoding: output.bytes, as: UTF8.self),
      errorOutput: String(
        decoding: errors.bytes.suffix(Self.maximumErrorText), as: UTF8.self))
  }

  /// Waits for the end of the program, not of its output: what it left running may hold that open.
  private func wait(
    for ended: Int32, reading output: inout OutputPipe, _ errors: inout OutputPipe
  ) -> Bool {
    let deadline = ContinuousClock.now + timeout
    while true {
      let left = deadline - .now
      guard left > .zero, !interrupt.isRaised else { return false }
      var watched = [
        pollfd(fd: ended, events: Int16(POLLIN), revents: 0),
        pollfd(fd: output.pollable, events: Int16(POLLIN), revents: 0),
        pollfd(fd: errors.pollable, events: Int16(POLLIN), revents: 0),
      ]
      // One more, so that a part of a millisecond is no busy loop.
      let count = poll(&watched, 3, Int32(clamping: min(left, Self.lookout).wholeMilliseconds + 1))
      if count < 0, errno != EINTR { return false }
      if watched[1].revents != 0 { output.readAvailable() }
      if watched[2].revents != 0 { errors.readAvailable() }
      if count > 0, watched[0].revents != 0 { return true }
    }
  }

  private func spawn(input: Int32, output: Int32, errors: Int32) throws(ScalerError) -> pid_t {
    let arguments = command.map { strdup($0) } + [nil]
    let variables =
      environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var step = CS_SPAWN_FORK
    let pid = command[0].withCString { program in
      arguments.withUnsafeBufferPointer { arguments in
        variables.withUnsafeBufferPointer { variables in
          var raw = cs_spawn_request()
          raw.program = program
          raw.arguments = arguments.baseAddress
          raw.environment = variables.baseAddress
          raw.input = input
          raw.output = output
          raw.error = errors
          return cs_spawn(&raw, &step)
        }
      }
    }
    guard pid > 0 else { throw failure("cannot run \(command[0])") }
    return pid
  }

  /// Reaps the program and ends what is left of its process group.
  private func reap(_ pid: pid_t) -> Int32? {
    var status: Int32 = 0
    guard cs_reap_group(pid, &status) == 0, status & 0x7f == 0 else { return nil }
    return (status >> 8) & 0xff
  }

  private func failure(_ what: String) -> ScalerError {
    ScalerError(.failed, "\(what): \(String(cString: strerror(errno)))")
  }
}

/// A pipe from a program, read without blocking.
private struct OutputPipe {
  private(set) var bytes: [UInt8] = []
  let reading: Int32
  private(set) var writing: Int32
  private var isAtEnd = false

  init() throws(ScalerError) {
    var ends: [Int32] = [-1, -1]
    guard cs_pipe(&ends) == 0 else {
      throw ScalerError(.failed, "cannot make a pipe: \(String(cString: strerror(errno)))")
    }
    (reading, writing) = (ends[0], ends[1])
    _ = fcntl(reading, F_SETFL, O_NONBLOCK)
  }

  /// What `poll` is to look at; nothing after the end, which would be readable for ever.
  var pollable: Int32 { isAtEnd ? -1 : reading }

  mutating func readAvailable() {
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while !isAtEnd {
      let count = read(reading, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return }
      if count == 0 { isAtEnd = true }
      bytes += chunk[..<count].prefix(CommandRun.maximumOutput - bytes.count)
    }
  }

  mutating func closeWriting() {
    guard writing >= 0 else { return }
    Glibc.close(writing)
    writing = -1
  }

  mutating func close() {
    closeWriting()
    Glibc.close(reading)
  }
}
