/// One process to start: what, how, after whom, and how to tell that it is ready.
package struct ProcessPlan: Hashable, Sendable {
  /// What a process is in the topology. Stopping goes through the roles in this order.
  package enum Role: String, Hashable, Sendable, CaseIterable {
    case node, function, coordinator, etcd
  }

  /// When a process counts as ready.
  package enum Readiness: Hashable, Sendable {
    /// It has written this file, which does not exist when it is started.
    case file(String)
    /// It accepts connections.
    case tcp(NetworkAddress)
    /// It accepts connections on this socket, which does not exist when it is started.
    case unixSocket(String)
  }

  /// Unique in a plan; names the log as well.
  package var name: String
  package var role: Role
  /// The service of a function or node.
  package var service: String?
  /// The first word is the program.
  package var arguments: [String]
  /// Added to the environment of `cs-up`.
  package var environment: [String: String]
  /// The working directory.
  package var directory: String
  package var readiness: Readiness
  /// The indices of the processes in the plan that must be ready first; all smaller than its own.
  package var dependencies: [Int]
  /// Where clients reach a node.
  package var publicAddress: NetworkAddress?
  /// Whether it speaks TLS there.
  package var usesTLS = false
  /// Where operators and metrics reach a node.
  package var managementAddress: NetworkAddress?
  /// Where operators and the autoscaler reach a coordinator.
  package var adminAddress: NetworkAddress?
}
