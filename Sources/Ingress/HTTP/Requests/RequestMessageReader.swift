import CloudstateProtocol
import DynamicProtobuf
import FoundationEssentials
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// Makes the request message of a method from an HTTP request (proxy behaviour, section 12.4). Each source of
/// fields is serialized by itself; where they disagree the later one counts: query, then body, then path.
struct RequestMessageReader {
  static let httpBody = "google.api.HttpBody"

  let pool: DescriptorPool
  let binding: HTTPBinding

  /// - Parameter captures: where the texts of the binding's path variables lie in the target's path.
  func message(
    _ request: HTTPServerRequest, target: RequestTarget, captures: [Range<Int>]
  ) throws(HTTPProblem) -> [UInt8] {
    let bytes = try queryFields(target) + bodyFields(request) + pathFields(target, captures)
    do throws(TranscodingError) {
      return try pool.canonicalBinary(bytes, message: binding.method.inputType)
    } catch {
      throw .badRequest(error.message)
    }
  }

  // MARK: Path

  private func pathFields(
    _ target: RequestTarget, _ captures: [Range<Int>]
  ) throws(HTTPProblem) -> [UInt8] {
    var bytes: [UInt8] = []
    for (path, range) in zip(binding.variables, captures) {
      guard let text = URLText.decode(target.path[range], isForm: false) else {
        throw .badRequest("the path \(target.pathText) has a broken percent-encoding")
      }
      bytes += try FieldText.encode(text, as: path)
    }
    return bytes
  }

  // MARK: Query

  private func queryFields(_ target: RequestTarget) throws(HTTPProblem) -> [UInt8] {
    guard binding.body != .message else { return [] }
    var bytes: [UInt8] = []
    var singular: Set<[Int32]> = []
    for parameter in try target.parameters() {
      let path = try field(of: parameter)
      guard path.last.isRepeated || singular.insert(path.fields.map(\.number)).inserted else {
        throw .badRequest("the query parameter '\(parameter.name)' takes one value, not several")
      }
      bytes += try QueryValue(pool: pool, message: binding.method.inputType)
        .encode(parameter, as: path)
    }
    return bytes
  }

  private func field(of parameter: RequestTarget.Parameter) throws(HTTPProblem) -> FieldPath {
    let names = parameter.name.split(separator: ".", omittingEmptySubsequences: false)
    let path: FieldPath
    do throws(FieldPath.Failure) {
      path = try FieldPath(names.map(String.init), in: binding.method.inputType, of: pool)
    } catch {
      switch error {
      case .unknown:
        throw .badRequest(
          "the query parameter '\(parameter.name)' is no field of \(binding.method.inputType)")
      case .repeated(let name), .map(let name):
        throw .badRequest(
          "the query parameter '\(parameter.name)' leads through '\(name)', which has many values")
      }
    }
    if case .field(let body) = binding.body, path.fields[0].number == body.number {
      throw .badRequest(
        "the query parameter '\(parameter.name)' belongs to the field '\(body.name)', which is the "
          + "request's body")
    }
    return path
  }

  // MARK: Body

  private func bodyFields(_ request: HTTPServerRequest) throws(HTTPProblem) -> [UInt8] {
    switch binding.body {
    case .none: return []
    case .message:
      if binding.method.inputType == Self.httpBody { return raw(request) }
      let json = try jsonText(request)
      return try binary(json)
    case .field(let field):
      if field.typeName == Self.httpBody {
        return FieldText.encode(raw(request), as: field)
      }
      let json = try jsonText(request)
      try checkSyntax(json)
      return try binary("{\"\(field.name)\":\(json)}")
    }
  }

  private func raw(_ request: HTTPServerRequest) -> [UInt8] {
    let message = Google_Api_HttpBody.with {
      $0.contentType = request.headers["content-type"] ?? ""
      $0.data = Data(request.body.readableBytesView)
    }
    return [UInt8](buffer: message.encoded)
  }

  private func jsonText(_ request: HTTPServerRequest) throws(HTTPProblem) -> String {
    guard request.body.readableBytes > 0 else {
      throw .badRequest("the request has no body; send JSON, {} for an empty message")
    }
    let contentType = request.headers["content-type"] ?? ""
    guard MediaType(contentType).name == MediaType.json else {
      let given = contentType.isEmpty ? "nothing" : "'\(contentType)'"
      throw .badRequest(
        "the header content-type must be application/json, but it is \(given)")
    }
    guard let text = String(validating: request.body.readableBytesView, as: UTF8.self) else {
      throw .badRequest("the body is not UTF-8")
    }
    return text
  }

  /// A field's JSON is put into an object, from which it must not break out.
  private func checkSyntax(_ json: String) throws(HTTPProblem) {
    do throws(TranscodingError) {
      try DescriptorPool.checkSyntax(ofJSON: json)
    } catch {
      throw .badRequest("the body is not valid: \(error.message)")
    }
  }

  private func binary(_ json: String) throws(HTTPProblem) -> [UInt8] {
    do throws(TranscodingError) {
      return try pool.binary(fromJSON: json, message: binding.method.inputType)
    } catch {
      throw .badRequest("the body is not valid: \(error.message)")
    }
  }
}
