import GRPCTransport
import Gzip
import NIOCore
import NIOHPACK

extension HTTPServerRequest {
  /// The request with its body as it was before the `Content-Encoding` (RFC 9110, 8.4), which the headers then
  /// do not name any more.
  ///
  /// - Parameter maximumBytes: no more is produced of a body, however small it is.
  /// - Throws: status 415 for an encoding that is not known, 413 for a body that expands beyond the limit, 400
  ///   for one that is broken.
  func expanded(maximumBytes: Int) throws(HTTPProblem) -> HTTPServerRequest {
    let name = "content-encoding"
    let codings = headers.headers[name].joined(separator: ",").split(separator: ",")
      .map { MediaType(String($0)).name }.filter { $0 != "identity" && !$0.isEmpty }
    guard let coding = codings.first else { return self }
    guard codings.count == 1, coding == "gzip" || coding == "x-gzip" else {
      throw .unknownEncoding(codings.joined(separator: ", "))
    }
    var expanded = self
    do throws(GzipError) {
      expanded.body = ByteBuffer(
        bytes: try Gzip.decompress(body.readableBytesView, maximumBytes: maximumBytes))
    } catch {
      switch error {
      case .corrupt:
        throw .badRequest("the body is not gzip, as its content-encoding has it")
      case .tooLarge(let limit): throw .bodyTooLarge(limit: limit)
      case .outOfMemory:
        throw HTTPProblem(
          httpStatus: 503, code: .resourceExhausted, message: "no memory to expand the body")
      }
    }
    expanded.headers.headers.remove(name: name)
    return expanded
  }
}
