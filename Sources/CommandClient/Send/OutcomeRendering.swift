import CloudstateModel
package import CommandLineKit
import GRPCTransport
import NIOCore

extension CommandOutcome {
  /// One object for programs (`-o json`); the fields that do not apply are left out.
  ///
  /// - Parameters:
  ///   - reply: the reply as JSON.
  ///   - line: which line of the input the command was, from 1, where there are many.
  package func json(
    of command: PreparedCommand, reply: String?, line: Int? = nil
  ) -> JSONText {
    var members: [(String, JSONText)] = line.map { [("line", .integer(Int64($0)))] } ?? []
    members += [("ok", .bool(status.code == .ok)), ("status", .string(status.code.name))]
    if status.code != .ok { members.append(("message", .string(status.text))) }
    if let reply { members.append(("reply", .raw(reply))) }
    if let errorCode { members.append(("error", .string(errorCode))) }
    members += commitmentMembers
    if let key = command.idempotencyKey { members.append(("key", .string(key))) }
    members.append(("attempts", .integer(Int64(attempts))))
    members.append(("latency_ms", .number(Double(latency.nanoseconds) / 1e6)))
    members.append(("server", .string(server.description)))
    return .object(members)
  }

  /// One line of a report file (`--report`): enough to check later that what was acknowledged is there
  /// exactly once.
  package func reportLine(of command: PreparedCommand) -> JSONText {
    var members: [(String, JSONText)] = [
      ("key", .optional(command.idempotencyKey)), ("ok", .bool(status.code == .ok)),
      ("status", .string(status.code.name)),
      ("request", .raw(command.json.oneLine)),
    ]
    if status.code != .ok { members.append(("message", .string(status.message))) }
    members += commitmentMembers
    members.append(("attempts", .integer(Int64(attempts))))
    return .object(members)
  }

  /// What a person may want to know beside the reply; `nil` when there is nothing.
  package var remark: String? {
    guard let commitment else { return nil }
    let place = "shard \(commitment.shard) position \(commitment.position)"
    let events =
      switch commitment.eventCount {
      case 0: "no events"
      case 1: "1 event"
      case let count: "\(count) events"
      }
    return "\(events), \(place), epoch \(commitment.epoch)"
      + (commitment.isDuplicate ? ", duplicate=true" : "")
  }

  private var commitmentMembers: [(String, JSONText)] {
    guard let commitment else { return [] }
    return [
      ("shard", .integer(Int64(commitment.shard))),
      ("position", .unsigned(commitment.position.number)),
      ("epoch", .unsigned(commitment.epoch.number)),
      ("sequence", .integer(commitment.firstSequence.number)),
      ("events", .integer(Int64(commitment.eventCount))),
      ("duplicate", .bool(commitment.isDuplicate)),
    ]
  }
}

extension String {
  /// JSON on one line: a line end can only stand between tokens.
  fileprivate var oneLine: String {
    String(map { $0.isNewline ? " " : $0 })
  }
}
