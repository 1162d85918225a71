package import CloudstateProtocol
package import CommandLineKit
import GRPCTransport
import NIOCore
import SwiftProtobuf

extension ClientSession {
  /// Asks the servers, one after the other until one answers, what their rules say about somebody.
  ///
  /// - Throws: ``ProgramError`` when no server answers, or one refuses.
  package func checkAccess(
    _ request: Cloudstate_Admin_AccessCheckRequest
  ) async throws(ProgramError) -> Cloudstate_Admin_AccessCheckResponse {
    let deadline = NIODeadline.now() + timeout
    var last = GRPCStatus(.unavailable, "no server was asked")
    for index in addresses.indices {
      let outcome = await unary(
        serverIndex: index, path: "/cloudstate.admin.Access/check", message: request.encoded,
        deadline: deadline)
      last = outcome.status
      switch last.code {
      case .ok:
        guard let message = outcome.message,
          let response = try? Cloudstate_Admin_AccessCheckResponse(decoding: message)
        else { throw ProgramError("\(addresses[index]) answered unreadably") }
        return response
      case .unavailable, .deadlineExceeded:
        continue
      case .unimplemented:
        throw ProgramError(
          "\(addresses[index]) does not offer administration",
          hint: "use the public port of a node, for example --server 127.0.0.1:9000",
          status: .notFound)
      case .unauthenticated, .permissionDenied:
        throw last.programError(
          hint: "the caller needs 'admin cs.admin.auth.check'; --access FILE asks the file instead")
      case .failedPrecondition:
        throw ProgramError(
          last.text,
          hint: "cs-admin auth check \(request.subject) --as \(request.name) --access FILE")
      default:
        throw last.programError()
      }
    }
    throw unreachable(last)
  }
}
