/// The methods of `cloudstate.admin.Data`.
package enum DataMethod: String, Sendable, CaseIterable {
  case describe, entity, events, shard, deltas, replicas

  private static let prefix = "/cloudstate.admin.Data/"

  /// - Parameter path: of a gRPC call.
  package init?(path: String) {
    guard path.hasPrefix(Self.prefix) else { return nil }
    self.init(rawValue: String(path.dropFirst(Self.prefix.count)))
  }

  /// The last tokens of the subject `cs.admin.…` that a caller must have the right to.
  package var verb: [String] {
    switch self {
    case .describe: ["data", "describe"]
    case .entity: ["entity", "get"]
    case .events: ["entity", "events"]
    case .shard, .deltas, .replicas: ["data", "backup"]
    }
  }
}
