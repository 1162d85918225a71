@testable import GRPCTransport
@testable import Ingress

extension FuzzTarget {
  /// What the head of a plain HTTP request says besides the method: target, accepted types, content type.
  static let urlText = FuzzTarget("url-text") { input in
    var input = input
    let text = input.text()
    let target = RequestTarget(text)
    try demand(!target.path.isEmpty, "'\(text)' has an empty path")
    try demand(
      !target.path.contains { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") },
      "the path of '\(text)' is \(target.pathText)")
    if let parameters = try? target.parameters() {
      try demand(parameters.count <= text.utf8.count, "\(parameters.count) parameters")
    }
    for isForm in [false, true] {
      guard let decoded = URLText.decode(text.utf8, isForm: isForm) else { continue }
      try demand(decoded.utf8.count <= text.utf8.count, "'\(text)' became '\(decoded)'")
    }
    let accept = AcceptHeader(input.text())
    _ = accept.prefersJSON
    _ = accept.wantsEvents
    let type = MediaType(input.text())
    try demand(!type.name.contains(";"), "the media type '\(type.name)'")
    _ = GRPCAddress(input.text())
  }
}
