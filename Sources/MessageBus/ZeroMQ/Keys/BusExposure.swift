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
    return !isLoopback(String(address[..<colon]))
  }

  /// Whether a host, by name or address, is this machine for itself alone.
  package static func isLoopback(_ host: String) -> Bool {
    let host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    if ["localhost", "::1", "lo"].contains(host) { return true }
    // 127.0.0.0/8 (RFC 1122, 3.2.1.3).
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
