package import CommandLineKit
package import GRPCTransport

/// Reads the server list of a command line.
///
/// - Parameter texts: `host:port` or `unix:/path`, in the order in which they are to be tried.
/// - Throws: ``ProgramError`` with status `usage` naming the address that cannot be read, or when
///   there is none.
package func serverAddresses(_ texts: [String]) throws(ProgramError) -> [GRPCAddress] {
  var addresses: [GRPCAddress] = []
  for text in texts {
    guard let address = GRPCAddress(text) else {
      throw ProgramError(
        "'\(text)' is not a server address", hint: "--server 127.0.0.1:9000", status: .usage)
    }
    addresses.append(address)
  }
  guard !addresses.isEmpty else {
    throw ProgramError(
      "no server is given", hint: "--server 127.0.0.1:9000", status: .usage)
  }
  return addresses
}
