package import CloudstateModel
package import CommandLineKit
package import GRPCTransport
package import NIOCore

/// A command that is ready to be sent.
package struct PreparedCommand: Sendable {
  /// `/package.Service/Method`.
  package var path: String
  /// The encoded request message.
  package var payload: ByteBuffer
  /// The request as it was written, for reports.
  package var json: String
  /// Additional request headers.
  package var headers: GRPCMetadata
  /// Sent as `idempotency-key` with every attempt.
  package var idempotencyKey: String?

  package init(
    path: String, payload: ByteBuffer, json: String, headers: GRPCMetadata,
    idempotencyKey: String?
  ) {
    self.path = path
    self.payload = payload
    self.json = json
    self.headers = headers
    self.idempotencyKey = idempotencyKey
  }
}

/// What became of a command.
package struct CommandOutcome: Sendable {
  package var status: GRPCStatus
  /// The encoded reply message; `nil` unless the status is OK.
  package var reply: ByteBuffer?
  package var commitment: Commitment?
  /// The node's own word for what went wrong; `nil` where the user function refused, and on success.
  package var errorCode: String?
  /// How often the command was sent.
  package var attempts: Int
  /// From the first attempt to the end of the last.
  package var latency: TimeAmount
  /// The server of the last attempt.
  package var server: GRPCAddress

  package init(
    status: GRPCStatus, reply: ByteBuffer?, commitment: Commitment?, errorCode: String?,
    attempts: Int, latency: TimeAmount, server: GRPCAddress
  ) {
    self.status = status
    self.reply = reply
    self.commitment = commitment
    self.errorCode = errorCode
    self.attempts = attempts
    self.latency = latency
    self.server = server
  }
}

extension CommandOutcome {
  /// How a program ends that sent this command. The same status code is a refusal when the user function
  /// chose it, and a failure when the node did.
  package var exitStatus: ExitStatus {
    let status = status.code.exitStatus
    return status == .rejected && errorCode != nil ? .failure : status
  }
}
