import AccessControl
import CloudstateModel
import GRPCTransport
import Logging
import Synchronization

/// An access file of these lines, behind `version: 1`, with a token `secret-NAME` for each of the names.
func access(
  _ names: String..., keys: TokenVerifier? = nil, worker: @escaping Authenticator.Worker = { _ in },
  limits: Authenticator.Limits = .init(), now: TestTime = TestTime(), lines: String
) throws -> Authenticator {
  Authenticator(
    try accessSettings(names, keys: keys, lines: lines), limits: limits, worker: worker,
    now: { Timestamp(unixMilliseconds: now.milliseconds.load(ordering: .relaxed)) },
    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
}

/// The time of day of a test; begins 1000 seconds after 1970.
final class TestTime: Sendable {
  let milliseconds = Atomic<Int64>(1_000_000)
}

/// What ``access(_:keys:worker:limits:now:lines:)`` uses.
func accessSettings(
  _ names: [String], keys: TokenVerifier? = nil, lines: String
) throws -> AccessSettings {
  var reader = AccessFileReader(file: "access.yaml")
  let tokens = names.map { "\n - {name: \($0), sha256: \(TokenHash(of: "secret-\($0)"))}" }
  let list = tokens.isEmpty ? "" : "tokens:\(tokens.joined())"
  let jwt = keys == nil ? "" : "\njwt: {keys: k, issuer: i, audience: a}"
  let file = try reader.read("version: 1\n\(list)\(jwt)\n\(lines)")
  return AccessSettings(file, verifier: keys)
}

/// The header of the owner of a token, or none.
func credentials(_ name: String?) -> GRPCMetadata {
  var metadata = GRPCMetadata()
  if let name { metadata.add("authorization", "Bearer secret-\(name)") }
  return metadata
}

/// What a caller sees of the end of a call.
struct Ending: Hashable {
  let status: GRPCStatus?
  let trailers: GRPCMetadata

  init(_ call: RecordedCall) {
    status = call.status
    trailers = call.trailers
  }
}

/// Keys whose one shared secret everybody knows, and a token of theirs.
enum SharedKeys {
  static func verifier() async throws -> TokenVerifier {
    let secret = Base64URL.encode(Array(repeating: UInt8(7), count: 32))
    return TokenVerifier(
      settings: AccessFile.WebTokens(keysPath: "k", issuer: "i", audience: "a"),
      keys: try await VerificationKeys(
        reading: "{\"keys\":[{\"kty\":\"oct\",\"k\":\"\(secret)\"}]}"))
  }

  /// Of "ada", until 2000 seconds after 1970: made once with the secret above.
  static let token =
    "eyJhbGciOiJIUzI1NiJ9."
    + "eyJzdWIiOiJhZGEiLCJpc3MiOiJpIiwiYXVkIjoiYSIsImV4cCI6MjAwMH0."
    + "Kkhjr2d_9RQygSQb3QAevoTDS0YrWXNp4SDZ0WLLy3w"
}

/// A worker that does what it is given when the test says so.
final class HeldWorker: Sendable {
  private let work = Mutex<[@Sendable (Bool) -> Void]>([])

  func add(_ body: @escaping @Sendable (Bool) -> Void) { work.withLock { $0.append(body) } }

  func run() {
    let all = work.withLock { work in
      defer { work = [] }
      return work
    }
    for body in all { body(true) }
  }
}
