package import CommandLineKit
package import GRPCTransport
import NIOCore

/// What `cs-send` is to do; what its arguments mean.
package struct SendPlan: Sendable {
  /// Where request bodies come from.
  package enum Body: Hashable, Sendable {
    case text(String)
    case file(String)
    /// All of standard input is one body.
    case standardInput
  }

  /// How many commands, and how.
  package enum Mode: Hashable, Sendable {
    case single
    /// Each line of standard input is a body.
    case lines(concurrency: Int)
    case load(LoadSchedule, concurrency: Int)
  }

  /// What goes to standard output.
  package enum Output: Hashable, Sendable {
    /// Replies, with remarks on standard error.
    case text
    /// Replies alone.
    case raw
    /// One object per command.
    case json
  }

  package var target: MethodCatalog.Target
  package var mode: Mode
  package var body: Body
  package var usesTemplates: Bool
  package var headers: GRPCMetadata
  package var keys: CommandFactory.Keys
  package var retry: RetryPolicy
  package var showsEvents: Bool
  package var output: Output
  /// File for one JSON line per command.
  package var reportPath: String?

  /// The arguments as they were typed.
  package struct Arguments: Sendable {
    package var target = ""
    package var body: String?
    package var lines = false
    package var headers: [String] = []
    package var idempotencyKey: String?
    package var autoKey = false
    package var retry = false
    package var count: Int?
    package var rate: Double?
    package var concurrency: Int?
    package var duration: Duration?
    package var template = false
    package var showEvents = false
    package var raw = false
    package var format = OutputFormat.text
    package var report: String?

    package init() {}
  }

  /// The bound on commands in flight, which also bounds memory.
  package static let maximumConcurrency = 10_000

  /// Checks the arguments.
  ///
  /// - Throws: ``ProgramError`` with status `usage` that names the argument.
  package init(_ arguments: Arguments) throws(ProgramError) {
    target = try MethodCatalog.Target(arguments.target)
    mode = try Self.mode(of: arguments)
    body = try Self.body(of: arguments)
    usesTemplates = arguments.template
    headers = try Self.metadata(arguments.headers)
    keys = try Self.keys(of: arguments, mode: mode)
    retry = RetryPolicy(isEnabled: arguments.retry)
    showsEvents = arguments.showEvents
    reportPath = arguments.report
    if arguments.showEvents, mode != .single {
      throw Self.conflict("--show-events", "--lines and load runs")
    }
    if arguments.raw, arguments.format != .text { throw Self.conflict("--raw", "--output json") }
    output = arguments.raw ? .raw : arguments.format == .text ? .text : .json
  }

  private static func mode(of arguments: Arguments) throws(ProgramError) -> Mode {
    if let count = arguments.count, count < 1 { throw tooSmall("--count", "1") }
    if let rate = arguments.rate, !(rate >= 0.001 && rate <= 10_000_000) {
      throw ProgramError("--rate takes commands per second, 0.001 to 10000000", status: .usage)
    }
    if let duration = arguments.duration, duration <= .zero { throw tooSmall("--duration", "1ms") }
    if let concurrency = arguments.concurrency, !(1...maximumConcurrency).contains(concurrency) {
      throw ProgramError("--concurrency takes 1 to \(maximumConcurrency)", status: .usage)
    }
    let isLoad = arguments.count != nil || arguments.rate != nil || arguments.duration != nil
    if arguments.lines {
      guard !isLoad else { throw conflict("--lines", "--count, --rate and --duration") }
      return .lines(concurrency: arguments.concurrency ?? 1)
    }
    if isLoad {
      let schedule = LoadSchedule(
        count: arguments.count, rate: arguments.rate,
        duration: arguments.duration.map { TimeAmount($0) })
      return .load(schedule, concurrency: arguments.concurrency ?? 16)
    }
    guard arguments.concurrency == nil else {
      throw ProgramError(
        "--concurrency needs --lines, --count, --rate or --duration", status: .usage)
    }
    return .single
  }

  private static func body(of arguments: Arguments) throws(ProgramError) -> Body {
    guard let text = arguments.body else { return arguments.lines ? .standardInput : .text("{}") }
    guard !arguments.lines else { throw conflict("--lines", "a body on the command line") }
    if text == "-" { return .standardInput }
    if text.hasPrefix("@") {
      guard text.count > 1 else {
        throw ProgramError("@ needs a file name", hint: "@body.json", status: .usage)
      }
      return .file(String(text.dropFirst()))
    }
    return .text(text)
  }

  private static func keys(
    of arguments: Arguments, mode: Mode
  ) throws(ProgramError) -> CommandFactory.Keys {
    guard let key = arguments.idempotencyKey else {
      // A command may only be sent again under a key.
      return arguments.autoKey || arguments.retry ? .automatic : .none
    }
    guard !arguments.autoKey else { throw conflict("--idempotency-key", "--auto-key") }
    guard !key.isEmpty, key.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
      throw ProgramError(
        "--idempotency-key takes printable ASCII characters", status: .usage)
    }
    let template = arguments.template ? try CommandTemplate(key) : CommandTemplate(verbatim: key)
    guard mode == .single || template.constant == nil else {
      throw ProgramError(
        "one idempotency key for several commands would answer all but the first from memory",
        hint: "--auto-key, or --template with --idempotency-key 'run-{{count}}'", status: .usage)
    }
    return .fixed(template)
  }

  private static func metadata(_ headers: [String]) throws(ProgramError) -> GRPCMetadata {
    var metadata = GRPCMetadata()
    for header in headers {
      guard let colon = header.firstIndex(of: ":"), colon > header.startIndex else {
        throw ProgramError(
          "'\(header)' is not a header", hint: "--header 'name: value'", status: .usage)
      }
      let name = header[..<colon].lowercased()
      let value = header[header.index(after: colon)...].drop { $0 == " " }
      guard name.utf8.allSatisfy(isNameByte), value.utf8.allSatisfy({ (0x20...0x7e).contains($0) })
      else {
        throw ProgramError(
          "'\(header)' is not a header: names have letters, digits, '-', '_' and '.', values are "
            + "printable ASCII", status: .usage)
      }
      guard !name.hasPrefix("grpc-"), !["content-type", "te", "user-agent"].contains(name) else {
        throw ProgramError("the header \(name) belongs to gRPC", status: .usage)
      }
      guard name != "idempotency-key" else {
        throw ProgramError(
          "the header \(name) has an option of its own", hint: "--idempotency-key KEY",
          status: .usage)
      }
      metadata.add(name, String(value))
    }
    return metadata
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private static func conflict(_ left: String, _ right: String) -> ProgramError {
    ProgramError("\(left) excludes \(right)", status: .usage)
  }

  private static func tooSmall(_ option: String, _ least: String) -> ProgramError {
    ProgramError("\(option) must be at least \(least)", status: .usage)
  }
}
