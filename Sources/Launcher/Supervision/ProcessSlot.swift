import CommandLineKit
import Glibc

/// One process of a plan while it is supervised: the child, when there is one, and what it says.
final class ProcessSlot {
  let plan: ProcessPlan
  /// The absolute path of the program.
  let program: String
  private(set) var recent = RecentLines()
  private(set) var pid: pid_t?
  private let environment: [String: String]
  private let probedAddress: SocketAddress?
  private var child: ChildProcess?
  private var hasOutput = false
  private var splitter = LineSplitter()
  private var log: LogFile

  /// - Throws: ``ProgramError`` when the log cannot be written or an address cannot be formed.
  init(
    plan: ProcessPlan, program: String, environment: [String: String], layout: RunLayout
  ) throws(ProgramError) {
    self.plan = plan
    self.program = program
    self.environment = environment.merging(plan.environment) { _, ours in ours }
    switch plan.readiness {
    case .file: probedAddress = nil
    case .tcp(let address): probedAddress = try SocketAddress(address)
    case .unixSocket(let path): probedAddress = try SocketAddress(unixSocket: path)
    }
    log = try LogFile(path: layout.log(plan.name))
  }

  /// Starts the program; signs of readiness of an earlier process are removed first.
  func start() throws(ProgramError) {
    switch plan.readiness {
    case .file(let path), .unixSocket(let path): unlink(path)
    case .tcp: break
    }
    // A function holds nothing that needs draining, and its node is told to stop at the same time.
    let child = try ChildProcess(
      ChildRequest(
        program: program, arguments: plan.arguments, environment: environment,
        directory: plan.directory, output: .pipe,
        parentDeathSignal: plan.role == .function ? SIGKILL : SIGTERM))
    pid = child.pid
    hasOutput = child.outputDescriptor != nil
    self.child = consume child
  }

  func terminate() { child?.terminate() }

  func kill() { child?.kill() }

  func pause() { child?.pause() }

  func resume() { child?.resume() }

  /// Readable when the process has ended; `nil` without a process.
  var endDescriptor: Int32? { child?.endDescriptor }

  /// Readable when the process has written something, until it closes its output.
  var outputDescriptor: Int32? { hasOutput ? child?.outputDescriptor ?? nil : nil }

  /// Whether the process shows that it is ready. Returns at once.
  func probe() -> Bool {
    switch plan.readiness {
    case .file(let path): access(path, F_OK) == 0
    case .tcp, .unixSocket: probedAddress.map(acceptsConnections) ?? false
    }
  }

  /// Reads a part of what the process has written, logs it, and answers its complete lines.
  func readOutput() -> [String] {
    guard let descriptor = outputDescriptor else { return [] }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = read(descriptor, &buffer, buffer.count)
    if count > 0 { return record(splitter.append(buffer[..<count])) }
    if count == 0 || (errno != EAGAIN && errno != EINTR) { hasOutput = false }
    return []
  }

  /// Reaps a process whose end was announced; answers how it ended and its last lines.
  func reap() -> (exit: ProcessExit, lines: [String]) {
    let exit = child?.reap() ?? .notStarted("it was not running")
    // All writers of the group are gone, so the pipe holds no more than its capacity of 1 MiB at most;
    // a writer that left the group must not keep us here.
    var lines: [String] = []
    for _ in 0..<16 where outputDescriptor != nil {
      let more = readOutput()
      lines += more
    }
    if let last = splitter.finish() { lines += record([last]) }
    child = nil
    pid = nil
    hasOutput = false
    return (exit, lines)
  }

  private func record(_ lines: [String]) -> [String] {
    for line in lines {
      log.append(line)
      recent.append(line)
    }
    return lines
  }
}
