import CommandLineKit

/// A ``Scaling`` with those it concerns: who waits for it and which processes it moves.
struct ScalingJob {
  var machine: Scaling
  let reply: (ControlAnswer) -> Void

  /// For people, see ``RunState/activity``.
  var activity: String { "scaling \(machine.service): \(machine.activity)" }
}

extension Scaling.Result {
  /// The answer to who asked for it.
  ///
  /// - Parameters:
  ///   - nodes: the number of nodes the service has now.
  ///   - again: the command that asks for the same again.
  func answer(service: String, nodes: Int, again: String) -> ControlAnswer {
    let number = "\(nodes) \(nodes == 1 ? "node" : "nodes")"
    switch self {
    case .done: return ControlAnswer("\(service) has \(number)", nodes: nodes)
    case .notReady(let count):
      return failure(
        "\(count) of the new nodes of \(service) are not ready in time; they stay", nodes,
        "cs-up ps, cs-up logs", .unreachable)
    case .refused(let node, let reason):
      return failure(
        "the coordinator does not drain \(node): \(reason); \(service) has \(number)", nodes, nil,
        .conflict)
    case .notRemembered(let reason):
      return failure(
        "no node is drained, because a start after a crash would not know of it: \(reason); \(service) has "
          + "\(number)", nodes, again, .failure)
    case .notDrained(let left):
      let rest = left.sorted { $0.key < $1.key }.map { "\($0.key) has \($0.value)" }
      return failure(
        "not all shards could be moved in time (\(rest.joined(separator: ", "))); \(service) has "
          + "\(number)", nodes, again, .unreachable)
    case .coordinatorSilent(let reason):
      return failure(
        "the coordinator is silent: \(reason); \(service) has \(number)", nodes, again,
        .unreachable)
    }
  }

  private func failure(
    _ message: String, _ nodes: Int, _ hint: String?, _ status: ExitStatus
  ) -> ControlAnswer {
    ControlAnswer(ProgramError(message, hint: hint, status: status), nodes: nodes)
  }
}
