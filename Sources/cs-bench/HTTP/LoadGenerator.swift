import CommandLineKit
import FoundationEssentials

/// h2load, which loads servers of every language here in the same way.
struct LoadGenerator {
  let program: String

  /// Loads one target and answers what was found.
  ///
  /// - Throws: ``ProgramError`` when h2load fails or counted no request.
  func run(
    _ target: FrontDoorTarget, inFlight: Int, seconds: Double, folder: String
  ) async throws -> LatencySummary {
    let log = "\(folder)/h2load.log"
    try? FileManager.default.removeItem(atPath: log)
    var arguments = ["-t", "1", "-D", "\(max(1, Int(seconds.rounded())))", "--warm-up-time", "1"]
    switch target.version {
    // HTTP/1 has one request at a time on a connection.
    case .http1: arguments += ["--h1", "-c", "\(inFlight)"]
    case .http2: arguments += ["-p", "h2c", "-c", "1", "-m", "\(inFlight)"]
    }
    for header in target.headers { arguments += ["-H", header] }
    if let body = target.body { arguments += ["-d", body] }
    arguments += ["--log-file", log, target.url]
    // The shell only keeps h2load's own report from standard output.
    let process = try await BenchProcess.start(
      "/bin/sh", ["-c", #"exec "$0" "$@" >/dev/null"#, program] + arguments)
    guard process.waitForExit() == 0 else {
      throw ProgramError("h2load failed against \(target.url)")
    }
    let requests = try RequestLog(text: readFile(log))
    guard !requests.latencies.isEmpty else {
      throw ProgramError("h2load counted no good answer from \(target.url)")
    }
    return LatencySummary(
      name: target.name, inFlight: inFlight, errors: requests.errors, seconds: requests.seconds,
      latencies: requests.latencies)
  }
}

/// The lines of h2load's log: start in microseconds, HTTP status, duration in microseconds.
struct RequestLog {
  /// Nanoseconds of each answered request.
  private(set) var latencies: [UInt64] = []
  private(set) var errors = 0
  /// From the first start to the last end.
  private(set) var seconds = 0.0

  init(text: String) {
    var first = UInt64.max
    var last: UInt64 = 0
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: "\t")
      guard fields.count == 3, let start = UInt64(fields[0]), let duration = UInt64(fields[2])
      else { continue }
      guard fields[1] == "200" else {
        errors += 1
        continue
      }
      first = min(first, start)
      last = max(last, start + duration)
      latencies.append(duration * 1000)
    }
    if last > first { seconds = Double(last - first) / 1e6 }
  }
}
