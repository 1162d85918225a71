import Foundation
import TestSupport

/// All that a client sees of a request: by gRPC with one message, or by plain HTTP.
struct WireAnswer: Hashable {
  let httpStatus: Int
  /// All headers and trailers in the order of their names, as `name: value`.
  let headers: [String]
  let body: Data

  /// The status of a gRPC call, `nil` for what is none.
  var grpcStatus: Int? {
    headers.first { $0.hasPrefix("grpc-status: ") }.flatMap { Int($0.dropFirst(13)) }
  }

  func contains(_ text: String) -> Bool { body.range(of: Data(text.utf8)) != nil }
}

/// A gRPC call by curl, which knows nothing of gRPC: one message in its frame.
func grpcByCurl(
  _ node: TestCluster.Node, _ path: String, _ message: [UInt8], _ headers: [String] = []
) async throws -> WireAnswer {
  let length = UInt32(message.count)
  let frame = [0] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + message
  let folder = try TemporaryDirectory()
  try Data(frame).write(to: URL(fileURLWithPath: "\(folder.path)/request"))
  return try await byCurl(
    node, path, folder: folder.path,
    [
      "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers",
      "--data-binary", "@\(folder.path)/request",
    ] + headers.flatMap { ["-H", $0] })
}

/// A plain HTTP request by curl.
func httpByCurl(
  _ node: TestCluster.Node, _ method: String, _ path: String, json: String? = nil,
  _ headers: [String] = []
) async throws -> WireAnswer {
  let folder = try TemporaryDirectory()
  let body = json.map { ["-H", "content-type: application/json", "--data-binary", $0] } ?? []
  return try await byCurl(
    node, path, folder: folder.path, ["-X", method] + body + headers.flatMap { ["-H", $0] })
}

private func byCurl(
  _ node: TestCluster.Node, _ path: String, folder: String, _ arguments: [String]
) async throws -> WireAnswer {
  let result = try await runProgram(
    "/usr/bin/curl",
    [
      "-sS", "--max-time", "5", "-D", "\(folder)/headers", "-o", "\(folder)/body", "-w",
      "%{http_code}",
      "http://\(node.address)\(path)",
    ] + arguments)
  let headers = try String(contentsOfFile: "\(folder)/headers", encoding: .utf8)
    .split(whereSeparator: \.isNewline).dropFirst().filter { !$0.isEmpty }.map(String.init).sorted()
  // An answer that is whole before the request is (RFC 9113, 8.1) makes curl 7.88 wait for nothing.
  let isWhole = headers.contains { $0.hasPrefix("grpc-status:") }
  guard result.status == .code(0) || (result.status == .code(28) && isWhole) else {
    throw ProcessEnded(text: "curl \(path): \(result.status) \(result.talk)")
  }
  let body = FileManager.default.contents(atPath: "\(folder)/body") ?? Data()
  return WireAnswer(httpStatus: Int(result.output) ?? 0, headers: headers, body: body)
}

/// The protobuf encoding of a few fields.
enum Protobuf {
  static func text(_ number: UInt8, _ text: String) -> [UInt8] {
    [number << 3 | 2, UInt8(text.utf8.count)] + Array(text.utf8)
  }

  /// - Parameter value: below 128.
  static func number(_ number: UInt8, _ value: UInt8) -> [UInt8] { [number << 3, value] }
}
