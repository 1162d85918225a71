package import GRPCTransport

/// Where a user function runs.
package enum FunctionPlace: Sendable, CustomStringConvertible {
  /// In a process of its own, which listens here.
  case address(GRPCAddress)
  /// In this process; its services are found by this router, on the event loops of the node.
  case embedded(any GRPCServerRouter)

  /// To be put behind "the user function".
  package var description: String {
    switch self {
    case .address(let address): "at \(address)"
    case .embedded: "in this process"
    }
  }
}
