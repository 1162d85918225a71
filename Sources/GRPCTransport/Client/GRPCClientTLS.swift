import Glibc
import NIOCore
import NIOSSL

/// How a client protects its connections by TLS. Speaks HTTP/2 only, agreed on by ALPN.
package struct GRPCClientTLS: Sendable {
  private let context: NIOSSLContext
  private let serverName: String?

  /// Reads the files, which are PEM; blocks.
  ///
  /// - Parameters:
  ///   - authorityFile: the authorities whose servers are trusted; `nil` for those that the system trusts.
  ///   - certificateFile: what the client shows when it is asked; goes with `keyFile`.
  ///   - serverName: what the server's certificate must be for; `nil` for the host that is connected to.
  /// - Throws: ``TLSProblem`` naming the file that cannot be used and why.
  package init(
    authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
    serverName: String? = nil
  ) throws(TLSProblem) {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = [ServerCheck.http2]
    configuration.shutdownTimeout = .seconds(1)
    if let authorityFile {
      configuration.trustRoots = .certificates(try PEMFile.certificates(authorityFile))
    }
    switch (certificateFile, keyFile) {
    case (nil, nil): break
    case (let certificateFile?, let keyFile?):
      let chain = try PEMFile.certificates(certificateFile)
      configuration.certificateChain = chain.map { .certificate($0) }
      configuration.privateKey = .privateKey(try PEMFile.privateKey(keyFile))
    default:
      throw TLSProblem("a client certificate and its key go together: one of them is missing")
    }
    do {
      context = try NIOSSLContext(configuration: configuration)
    } catch NIOSSLError.failedToLoadPrivateKey {
      throw TLSProblem("the client's key does not belong to its certificate")
    } catch {
      throw TLSProblem("TLS cannot be used with these files: \(error)")
    }
    self.serverName = serverName
  }

  /// The handlers that belong before all others of a connection.
  func handlers(for target: GRPCAddress) throws -> [any ChannelHandler] {
    let name = hostName(of: target)
    let tls = try NIOSSLClientHandler(context: context, serverHostname: name)
    return [tls, ServerCheck(tls: tls, hostName: name)]
  }

  /// What the certificate must name. An address has no name (RFC 6066, 3); then the certificate must be for
  /// the address.
  private func hostName(of target: GRPCAddress) -> String? {
    if let serverName { return serverName }
    switch target {
    case .tcp(let host, _): return Self.isAddress(host) ? nil : host
    case .unixDomainSocket: return "localhost"
    }
  }

  private static func isAddress(_ host: String) -> Bool {
    var buffer = in6_addr()
    return inet_pton(AF_INET, host, &buffer) == 1 || inet_pton(AF_INET6, host, &buffer) == 1
  }
}
