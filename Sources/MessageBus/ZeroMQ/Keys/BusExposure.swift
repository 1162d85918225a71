import CloudstateModel

/// Whether other machines can reach a bus, and what protects it then.
package enum BusExposure {
  /// What whoever runs the bus should know; `nil` if there is nothing.
  ///
  /// - Parameter endpoints: where the bus listens, as libzmq takes it.
  package static func warning(endpoints: [String], hasKey: Bool) -> String? {
    let open = endpoints.filter(isOpen)
    guard !hasKey, !open.isEmpty else { return nil }
    return
      "INSECURE: the bus listens at \(open.joined(separator: " and ")) WITHOUT A KEY: everybody who "
      + "reaches it can join the cluster, send commands and read events. Make a key with "
      + "Scripts/make-bus-key and give it to all coordinators and nodes with --bus-key"
  }

  /// Whether other machines can connect to an endpoint.
  package static func isOpen(_ endpoint: String) -> Bool {
    guard endpoint.hasPrefix("tcp://") else { return false }
    let address = endpoint.dropFirst("tcp://".count)
    guard let colon = address.lastIndex(of: ":") else { return true }
    let host = String(address[..<colon])
    // libzmq also takes the names of interfaces.
    return host != "lo" && !HostText.isLoopback(host)
  }
}
