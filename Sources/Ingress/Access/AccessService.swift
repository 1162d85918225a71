package import AccessControl
import CloudstateModel
import CloudstateProtocol
package import GRPCTransport
import NIOCore
import SwiftProtobuf

/// The service `cloudstate.admin.Access`: explains the access control of the node to those who may
/// `admin cs.admin.auth.check`. Shared by all event loops.
package struct AccessService: Sendable {
  private static let checkPath = "/cloudstate.admin.Access/check"
  private static let checkSubject = Subject(tokens: ["cs", "admin", "auth", "check"])

  private let authenticator: Authenticator?

  /// - Parameter authenticator: `nil` where no access is controlled.
  package init(authenticator: Authenticator?) { self.authenticator = authenticator }

  /// Handles a call of the service, and answers `nil` for all other paths.
  package func handler(
    for call: any GRPCServerCall, rights: AccessRights
  ) -> (any GRPCServerCallHandler)? {
    guard call.path == Self.checkPath else { return nil }
    guard rights.allows(.admin, Self.checkSubject) else { return AccessRefusal.deny(call) }
    return AccessCheckHandler(call: call, settings: authenticator?.settings)
  }
}

/// One call to check the access of somebody. Loop-bound to its call.
private final class AccessCheckHandler: GRPCServerCallHandler {
  private let call: any GRPCServerCall
  private let settings: AccessSettings?
  private var isOver = false

  init(call: any GRPCServerCall, settings: AccessSettings?) {
    self.call = call
    self.settings = settings
  }

  func receive(_ message: ByteBuffer) {
    guard !isOver else { return }
    guard let request = try? Cloudstate_Admin_AccessCheckRequest(decoding: message) else {
      return finish(GRPCStatus(.invalidArgument, "the message is not an AccessCheckRequest"))
    }
    guard let settings else {
      return finish(
        GRPCStatus(
          .failedPrecondition,
          "this node controls no access: everybody may send and tail; cs-node --access FILE "
            + "changes that"))
    }
    do throws(AccessQuestion.Invalid) {
      let question = try AccessQuestion(subject: request.subject)
      let principal = settings.file.principal(
        named: request.name, groups: Set(request.groups))
      let explanation = AccessExplanation(question, of: principal, under: settings.file.policy)
      call.send(Cloudstate_Admin_AccessCheckResponse(explanation).encoded)
      finish(.ok)
    } catch {
      finish(GRPCStatus(.invalidArgument, error.message))
    }
  }

  func receiveEnd() { finish(GRPCStatus(.invalidArgument, "a request is needed")) }
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) { isOver = true }

  private func finish(_ status: GRPCStatus) {
    guard !isOver else { return }
    isOver = true
    call.finish(status)
  }
}

extension Cloudstate_Admin_AccessCheckResponse {
  init(_ explanation: AccessExplanation) {
    self = .with {
      $0.allowed = explanation.isAllowed
      $0.action = explanation.action
      $0.groups = explanation.groups
      $0.rule = UInt32(clamping: explanation.decidingRule ?? 0)
      $0.permission = explanation.permission ?? ""
      $0.findings = explanation.findings.map { finding in
        .with {
          $0.line = UInt32(clamping: finding.line)
          $0.who = finding.who ?? ""
          $0.matches = finding.matches.map { match in
            .with {
              $0.denial = match.isDenial
              $0.permission = match.permission
              $0.decisive = match.isDecisive
            }
          }
        }
      }
    }
  }
}
