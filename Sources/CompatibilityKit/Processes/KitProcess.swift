import CLinux
import CommandLineKit
import FoundationEssentials
import Glibc
import Launcher
import NIOCore
import NIOPosix

/// What to start for a test: words, of which the first is the program, and the whole environment.
package struct KitCommand: Hashable, Sendable {
  package var words: [String]
  package var environment: [String: String]
  package var directory: String

  package init(words: [String], environment: [String: String], directory: String) {
    self.words = words
    self.environment = environment
    self.directory = directory
  }
}

/// A program that the kit started: a function or a proxy. What it writes goes into a file; it leads a
/// process group of its own, and the kernel ends it when the kit is killed.
final class KitProcess: Sendable {
  /// Where it writes.
  let log: String

  private let pid: pid_t
  private let endDescriptor: Int32

  private init(pid: pid_t, endDescriptor: Int32, log: String) {
    self.pid = pid
    self.endDescriptor = endDescriptor
    self.log = log
  }

  /// Starts a program.
  ///
  /// - Parameter log: A file that is made for what it writes.
  /// - Throws: ``ProgramError`` with the step that failed.
  static func start(_ command: KitCommand, log: String) async throws -> KitProcess {
    // The thread that starts a process stands for its parent and has to live on; those of event loops
    // do, those of tasks do not.
    try await MultiThreadedEventLoopGroup.singleton.next().submit { () throws -> KitProcess in
      try spawn(command, log: log)
    }.get()
  }

  /// Whether it still runs.
  var isRunning: Bool {
    var end = pollfd(fd: endDescriptor, events: Int16(POLLIN), revents: 0)
    return poll(&end, 1, 0) == 0
  }

  /// Asks it to stop, ends its whole group when it does not in time, and reaps it. Once.
  func stop(within limit: Duration = .seconds(5)) async {
    kill(pid, SIGTERM)
    let clock = ContinuousClock()
    let end = clock.now + limit
    while isRunning && clock.now < end { try? await clock.sleep(for: .milliseconds(10)) }
    kill(-pid, SIGKILL)
    while isRunning { try? await clock.sleep(for: .milliseconds(5)) }
    var status: Int32 = 0
    cs_reap_group(pid, &status)
    close(endDescriptor)
  }

  /// The last lines that it wrote, for people.
  func lastLines(_ count: Int = 10) -> String {
    guard let text = try? readFile(log) else { return "" }
    return text.split(separator: "\n").suffix(count).joined(separator: "\n")
  }

  private static func spawn(_ command: KitCommand, log: String) throws(ProgramError) -> KitProcess {
    guard let word = command.words.first else { throw ProgramError("the command is empty") }
    let searchPath = command.environment["PATH"]
    guard let program = findProgram(word, directory: command.directory, searchPath: searchPath)
    else { throw ProgramError("there is no program \(word)", status: .usage) }
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { if input >= 0 { close(input) } }
    let output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard input >= 0, output >= 0 else { throw .system("cannot write \(log)", code: errno) }
    defer { close(output) }
    let arguments = command.words.map { strdup($0) } + [nil]
    let environment =
      command.environment.sorted { $0.key < $1.key }
      .map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer {
      arguments.forEach { free($0) }
      environment.forEach { free($0) }
    }
    var step = CS_SPAWN_FORK
    let pid = program.withCString { program in
      command.directory.withCString { directory in
        arguments.withUnsafeBufferPointer { arguments in
          environment.withUnsafeBufferPointer { environment in
            var request = cs_spawn_request()
            request.program = program
            request.arguments = arguments.baseAddress
            request.environment = environment.baseAddress
            request.directory = directory
            (request.input, request.output, request.error) = (input, output, output)
            request.parent_death_signal = SIGKILL
            return cs_spawn(&request, &step)
          }
        }
      }
    }
    guard pid > 0 else { throw .system("cannot start \(program)", code: errno) }
    let endDescriptor = cs_pidfd_open(pid)
    guard endDescriptor >= 0 else {
      let code = errno
      var status: Int32 = 0
      kill(pid, SIGKILL)
      cs_reap_group(pid, &status)
      throw .system("cannot watch \(program)", code: code)
    }
    return KitProcess(pid: pid, endDescriptor: endDescriptor, log: log)
  }
}

/// A folder that is removed with all that is in it.
struct ScratchFolder: ~Copyable {
  let path: String

  /// - Throws: ``ProgramError`` if none can be made.
  init() throws(ProgramError) {
    let parent = environmentVariable("TMPDIR") ?? "/tmp"
    var template = Array("\(parent)/cs-tck-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .system("cannot make a folder in \(parent)", code: errno)
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
