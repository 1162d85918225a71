import CommandLineKit
package import GRPCTransport

/// How the kit gets between the proxy under test and its user function.
package enum ProxyLink: Hashable, Sendable {
  /// The proxy takes the kit for the user function, which really listens elsewhere.
  case interceptor(GRPCAddress, function: GRPCAddress)
  /// The proxy has the user function inside, and tells the kit what passes between them.
  case tap(GRPCAddress)

  /// Where the kit listens.
  var address: GRPCAddress {
    switch self {
    case .interceptor(let address, _), .tap(let address): address
    }
  }
}

extension ProxyLink {
  /// The option that says where the kit listens.
  var listenHint: String {
    switch self {
    case .interceptor: "--listen HOST:PORT"
    case .tap: "--tap HOST:PORT"
    }
  }

  /// No proxy came in time.
  func silence(after wait: Duration) -> ProgramError {
    switch self {
    case .interceptor:
      ProgramError(
        "no proxy asked the user function at \(address) for its services within \(wait)",
        hint: "start the proxy with \(address) as its user function, or --wait longer",
        status: .unreachable)
    case .tap:
      ProgramError(
        "no node told \(address) within \(wait) that it asked its function for its services",
        hint: "start the node anew with --tap \(address), or --wait longer",
        status: .unreachable)
    }
  }
}
