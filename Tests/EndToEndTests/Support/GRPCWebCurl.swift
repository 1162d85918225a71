import Foundation
import TestSupport
import Testing

/// What curl got of a gRPC-Web call.
struct GRPCWebAnswer {
  var status = 0
  /// Names in lower case.
  var headers: [String: String] = [:]
  var messages: [[UInt8]] = []
  /// The lines of the last frame by their names; `nil` without such a frame.
  var trailers: [String: String]?

  /// - Throws: what is wrong with the body.
  mutating func read(_ body: [UInt8]) throws {
    var rest = body[...]
    while !rest.isEmpty {
      guard trailers == nil, rest.count >= 5 else { throw ProcessEnded(text: "body: \(body)") }
      let length = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
      let payload = rest.dropFirst(5).prefix(length)
      guard payload.count == length else { throw ProcessEnded(text: "body: \(body)") }
      if rest[rest.startIndex] & 0x80 == 0 {
        messages.append(Array(payload))
      } else {
        trailers = Self.lines(String(decoding: payload, as: UTF8.self))
      }
      rest = rest.dropFirst(5 + length)
    }
  }

  static func lines(_ text: String) -> [String: String] {
    var values: [String: String] = [:]
    for line in text.split(separator: "\r\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      values[line[..<colon].lowercased()] =
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    return values
  }
}

/// A way in which a gRPC-Web call can be made.
struct WebForm: CustomTestStringConvertible {
  let version: String
  let isText: Bool

  static let all = ["--http1.1", "--http2-prior-knowledge"].flatMap { version in
    [false, true].map { WebForm(version: version, isText: $0) }
  }

  var testDescription: String { "\(version), \(isText ? "text" : "binary")" }
  var contentType: String { isText ? "application/grpc-web-text" : "application/grpc-web+proto" }
}

/// A gRPC-Web call by curl, which knows nothing of this project.
///
/// - Parameters:
///   - body: sent as it is in place of a frame for each message.
///   - limit: how long the call may take.
func webCall(
  _ node: TestCluster.Node, _ path: String, _ messages: [UInt8]..., form: WebForm,
  headers: [String] = [], body: [UInt8]? = nil,
  within limit: Duration = .seconds(30)
) async throws -> GRPCWebAnswer {
  let folder = try TemporaryDirectory()
  var frames = Data(body ?? [])
  if body == nil {
    for message in messages {
      frames.append(0)
      frames.append(contentsOf: (0..<4).map { UInt8(message.count >> (24 - 8 * $0) & 0xff) })
      frames.append(contentsOf: message)
    }
    if form.isText { frames = frames.base64EncodedData() }
  }
  let file = URL(fileURLWithPath: "\(folder.path)/request")
  try frames.write(to: file)
  let result = try await runProgram(
    "/usr/bin/curl",
    [
      "-sS", form.version, "http://\(node.address)\(path)", "-H",
      "content-type: \(form.contentType)", "--data-binary", "@\(file.path)", "-o",
      "\(folder.path)/body", "-D", "\(folder.path)/head",
    ] + headers.flatMap { ["-H", $0] }, within: limit)
  guard result.status == .code(0) else {
    throw ProcessEnded(text: "curl: \(result.status) \(result.talk)")
  }
  let head = try String(contentsOfFile: "\(folder.path)/head", encoding: .utf8)
  var answer = GRPCWebAnswer()
  answer.status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  answer.headers = GRPCWebAnswer.lines(head)
  let received = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/body"))
  guard answer.headers["content-type"]?.hasPrefix("application/grpc-web-text") == true else {
    try answer.read([UInt8](received))
    return answer
  }
  // Pieces of base64, each padded for itself, lie behind each other.
  var bytes: [UInt8] = []
  for start in stride(from: 0, to: received.count, by: 4) {
    guard let group = Data(base64Encoded: received[start..<min(start + 4, received.count)])
    else { throw ProcessEnded(text: "not base64: \(String(decoding: received, as: UTF8.self))") }
    bytes += group
  }
  try answer.read(bytes)
  return answer
}

/// A protobuf message: fields count from 1; empty texts and zeros are left out.
func message(_ fields: Any...) -> [UInt8] {
  var bytes: [UInt8] = []
  for (index, field) in fields.enumerated() {
    switch field {
    case let number as Int where number > 0:
      bytes += [UInt8((index + 1) << 3), UInt8(number)]
    case let text as String where !text.isEmpty:
      bytes += [UInt8((index + 1) << 3 | 2), UInt8(text.utf8.count)] + Array(text.utf8)
    default: break
    }
  }
  return bytes
}
