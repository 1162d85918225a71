import Foundation
import TestSupport

/// What curl got.
struct CurlAnswer: Hashable {
  let status: Int
  let contentType: String
  let body: String

  /// The body as JSON, `nil` if it is none.
  var json: NSObject? {
    (try? JSONSerialization.jsonObject(with: Data(body.utf8), options: .fragmentsAllowed))
      as? NSObject
  }
}

/// A request by curl, which knows nothing of this project.
///
/// - Parameter scheme: with `https`, `arguments` say whom to trust.
func curl(
  _ node: TestCluster.Node, _ path: String, json: String? = nil, _ arguments: [String] = [],
  scheme: String = "http", within limit: Duration = .seconds(30)
) async throws -> CurlAnswer {
  let body =
    json.map { ["-H", "content-type: application/json", "--data-binary", $0] } ?? []
  let result = try await runProgram(
    "/usr/bin/curl",
    ["-sS", "-w", "\n%{http_code} %{content_type}", "\(scheme)://\(node.address)\(path)"] + body
      + arguments,
    within: limit)
  guard result.status == .code(0) else {
    throw ProcessEnded(text: "curl: \(result.status) \(result.talk)")
  }
  guard let last = result.output.lastIndex(of: "\n") else {
    throw ProcessEnded(text: "curl printed \(result.output)")
  }
  let facts = result.output[result.output.index(after: last)...].split(
    separator: " ", maxSplits: 1)
  return CurlAnswer(
    status: Int(facts.first ?? "") ?? 0,
    contentType: facts.count > 1 ? String(facts[1]) : "", body: String(result.output[..<last]))
}
