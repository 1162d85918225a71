/// A request of the shopping cart over HTTP, and the JSON that answers it.
struct CartRequest: Sendable, CustomStringConvertible {
  private let method: String
  private let path: String
  private let body: String
  private let expected: String

  /// - Parameter path: with `USER` where the user stands.
  init(
    _ method: String, _ path: String, adding item: (String, String, Int)? = nil,
    gives expected: String
  ) {
    self.method = method
    self.path = path
    self.expected = expected
    body =
      item.map { #"{"product_id": "\#($0.0)", "name": "\#($0.1)", "quantity": \#($0.2)}"# } ?? ""
  }

  var description: String { "\(method) \(path)\(body.isEmpty ? "" : " \(body)") gives \(expected)" }

  func run(_ scene: ProxyScene, user: String) async throws(CaseFailure) {
    let path = path.replacing("USER", with: user)
    let step = "\(method) \(path)"
    var answer: HTTPAnswer
    do {
      answer = try await request(
        method, body, to: path, at: scene.proxy.httpAddress, within: scene.limit)
    } catch {
      throw CaseFailure(step: step, expected: "an answer over HTTP", received: "\(error)")
    }
    // Whole numbers may be written both ways (proxy-behaviour 12.5).
    answer.body.replace(".0", with: "")
    if let found = HTTPExpectation.body(expected.replacing(".0", with: "")).difference(from: answer)
    {
      throw CaseFailure(step: step, expected: found.expected, received: found.received)
    }
  }
}
