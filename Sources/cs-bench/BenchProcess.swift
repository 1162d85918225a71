import CommandLineKit
import FoundationEssentials
import GRPCTransport
import Glibc
import NIOCore
import NIOPosix

/// A program of this package, started from beside the running one.
struct BenchProcess {
  let processID: pid_t
  /// Where it serves; unset for programs without a ready file.
  private(set) var address = GRPCAddress.tcp(host: "127.0.0.1", port: 0)

  /// Starts a program of this package, or one at a path, and does not wait for it.
  ///
  /// On a thread that lives as long as this process: `--stop-with-parent` goes by the thread that started
  /// the program, and threads that run tasks end when they have been idle for some seconds.
  static func start(
    _ name: String, _ arguments: [String], environment: [String: String] = [:]
  ) async throws -> BenchProcess {
    try await MultiThreadedEventLoopGroup.singleton.next().submit {
      try spawn(name, arguments, environment: environment)
    }.get()
  }

  private static func spawn(
    _ name: String, _ arguments: [String], environment: [String: String]
  ) throws -> BenchProcess {
    let program = name.hasPrefix("/") ? name : try "\(folderOfThisProgram())/\(name)"
    var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { argv.forEach { free($0) } }
    for (key, value) in environment { setenv(key, value, 1) }
    var processID: pid_t = 0
    let result = posix_spawn(&processID, program, nil, nil, &argv, environ)
    guard result == 0 else {
      throw ProgramError.system(
        "cannot start \(program)", code: result, hint: "Scripts/build")
    }
    return BenchProcess(processID: processID)
  }

  /// Starts a program and waits until it has written its ready file.
  static func start(
    _ name: String, _ arguments: [String], readyFile: String
  ) async throws -> BenchProcess {
    unlink(readyFile)
    let process = try await start(name, arguments + ["--ready-file", readyFile])
    return try await process.ready(readyFile, name)
  }

  /// Waits until the program has written its ready file.
  func ready(_ readyFile: String, _ name: String) async throws -> BenchProcess {
    var process = self
    for _ in 0..<1000 {
      if let text = try? readFile(readyFile), let address = Self.publicAddress(in: text) {
        process.address = address
        return process
      }
      var status: Int32 = 0
      guard waitpid(process.processID, &status, WNOHANG) == 0 else {
        throw ProgramError("\(name) ended before it was ready; see its messages above")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    process.stop()
    throw ProgramError("\(name) was not ready within 10 s", status: .unreachable)
  }

  /// Processor time the process has used, in user and kernel (proc_pid_stat(5), fields 14 and 15), in
  /// steps of the clock tick: 10 ms.
  func processorMicroseconds() throws -> Double {
    let text = try readFile("/proc/\(processID)/stat")
    // The name of the program is in parentheses and may hold anything; the third field follows.
    let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
      throw ProgramError("cannot read the processor time of process \(processID)")
    }
    return (user + system) * 1e6 / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  func stop() {
    kill(processID, SIGTERM)
    waitForExit()
  }

  /// The status of waitpid(2): 0 for a program that ended well.
  @discardableResult
  func waitForExit() -> Int32 {
    var status: Int32 = -1
    waitpid(processID, &status, 0)
    return status
  }

  private static func publicAddress(in json: String) -> GRPCAddress? {
    struct Ready: Decodable { let publicAddress: String }
    let ready = try? JSONDecoder().decode(Ready.self, from: Data(json.utf8))
    return ready.flatMap { GRPCAddress($0.publicAddress) }
  }

  private static func folderOfThisProgram() throws -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard length > 0 else { throw ProgramError.system("cannot find this program", code: errno) }
    let path = String(
      decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
  }
}

/// A port of the loopback interface that was free a moment ago.
func freePort() throws -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  guard descriptor >= 0 else { throw ProgramError.system("cannot make a socket", code: errno) }
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = inet_addr("127.0.0.1")
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let result = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { socketAddress in
      bind(descriptor, socketAddress, length) == 0
        && getsockname(descriptor, socketAddress, &length) == 0
    }
  }
  guard result else { throw ProgramError.system("no free port", code: errno) }
  return Int(UInt16(bigEndian: address.sin_port))
}
