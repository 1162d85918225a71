/// Why a node cannot start or go on.
package struct NodeError: Error, Sendable, CustomStringConvertible {
  package enum Code: String, Sendable {
    /// A setting is out of range, or does not fit what the data directory was made with.
    case configuration
    /// The data directory cannot be used.
    case store
    /// A listener or a bus socket cannot be bound.
    case bind
    /// The user function serves something that cannot be served, or changed what it serves.
    case discovery
    /// The coordinator refuses this node.
    case membership
    /// The bus broke while the node was serving.
    case bus
  }

  package let code: Code
  /// What happened and what to do about it, for people.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
