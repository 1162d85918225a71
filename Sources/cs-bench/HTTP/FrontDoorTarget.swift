import CommandLineKit
import GRPCTransport
import NIOCore

/// One kind of request to one server, as h2load is told of it.
struct FrontDoorTarget {
  enum Version {
    case http1, http2
  }

  let name: String
  let version: Version
  let url: String
  var headers: [String] = []
  /// File with the body of the request.
  var body: String?

  /// Text whose JSON answer, `{"message":"…"}`, has 100 bytes, as has the static one.
  private static let text = String(repeating: "x", count: 100 - #"{"message":""}"#.utf8.count)

  /// What is measured, in the order of the report. Writes the bodies into `folder`.
  static func all(
    nginx: StaticServer, beside: GRPCAddress, inside: GRPCAddress, folder: String
  ) throws -> [Self] {
    let bodies = try Bodies(folder: folder)
    return [
      Self(name: "nginx: static, HTTP/1.1", version: .http1, url: nginx.http1),
      Self(name: "nginx: static, HTTP/2", version: .http2, url: nginx.http2),
    ] + calls("node", beside, bodies) + calls("node, embedded", inside, bodies)
  }

  private static func calls(_ who: String, _ address: GRPCAddress, _ bodies: Bodies) -> [Self] {
    let method = "http://\(address)\(Workload.unaryAction.path)"
    // The path that the model's HTTP rule gives it.
    let url = "http://\(address)/tck/model/action/unary"
    let json = ["content-type: application/json"]
    return [
      Self(
        name: "\(who): action by gRPC", version: .http2, url: method,
        headers: ["content-type: application/grpc", "te: trailers"], body: bodies.grpc),
      Self(
        name: "\(who): action by JSON, HTTP/2", version: .http2, url: url, headers: json,
        body: bodies.json),
      Self(
        name: "\(who): action by JSON, HTTP/1.1", version: .http1, url: url, headers: json,
        body: bodies.json),
    ]
  }

  /// The same request in both languages.
  private struct Bodies {
    let grpc: String
    let json: String

    init(folder: String) throws {
      grpc = "\(folder)/request.grpc"
      json = "\(folder)/request.json"
      try writeAtomically(
        json, #"{"groups":[{"steps":[{"reply":{"message":"\#(FrontDoorTarget.text)"}}]}]}"#)
      let message = ActionMessages.processUnary(reply: FrontDoorTarget.text)
      var frame = ByteBuffer()
      frame.writeInteger(UInt8(0))
      frame.writeInteger(UInt32(message.readableBytes))
      frame.writeImmutableBuffer(message)
      try writeAtomically(grpc, String(buffer: frame))
    }
  }
}
