package import GRPCTransport
package import NIOCore

/// Where the events of a command lie, as the node's answer tells (`cs-shard` and other headers).
package struct CommandCommitment: Hashable, Sendable {
  package var shard: UInt32
  package var position: UInt64
  package var epoch: UInt64
  /// The number of the first event within its entity; without meaning when there are no events.
  package var firstSequence: Int64
  package var eventCount: Int
  /// The answer was remembered from an earlier command with the same idempotency key.
  package var isDuplicate: Bool

  /// Reads the metadata of an answer; `nil` when the command did not concern a stateful entity.
  package init?(_ metadata: UnaryOutcome) {
    guard let shard = metadata["cs-shard"].flatMap({ UInt32($0) }) else { return nil }
    self.shard = shard
    position = metadata["cs-position"].flatMap { UInt64($0) } ?? 0
    epoch = metadata["cs-epoch"].flatMap { UInt64($0) } ?? 0
    firstSequence = metadata["cs-first-sequence"].flatMap { Int64($0) } ?? 0
    eventCount = metadata["cs-event-count"].flatMap { Int($0) } ?? 0
    isDuplicate = metadata["cs-duplicate"] == "true"
  }
}

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
  package var commitment: CommandCommitment?
  /// How often the command was sent.
  package var attempts: Int
  /// From the first attempt to the end of the last.
  package var latency: TimeAmount
  /// The server of the last attempt.
  package var server: GRPCAddress

  package init(
    status: GRPCStatus, reply: ByteBuffer?, commitment: CommandCommitment?, attempts: Int,
    latency: TimeAmount, server: GRPCAddress
  ) {
    self.status = status
    self.reply = reply
    self.commitment = commitment
    self.attempts = attempts
    self.latency = latency
    self.server = server
  }
}
