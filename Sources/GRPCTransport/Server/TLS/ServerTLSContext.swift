import Glibc
import NIOCore
import NIOSSL

/// What one reading of a server's certificate files gave.
struct ServerTLSContext {
  /// Bounds how long closing waits for the client's word that it has heard.
  private static let shutdownSeconds: Int64 = 2

  let context: NIOSSLContext
  let facts: CertificateFacts

  /// Reads and checks all files; blocks.
  ///
  /// - Throws: ``TLSProblem`` naming the file and what is wrong with it.
  init(_ settings: GRPCServerTLS) throws(TLSProblem) {
    let chain = try PEMFile.certificates(settings.certificateFile)
    let key = try PEMFile.privateKey(settings.keyFile)
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.applicationProtocols = ["h2", "http/1.1"]
    configuration.minimumTLSVersion = settings.minimumVersion == .tls13 ? .tlsv13 : .tlsv12
    configuration.shutdownTimeout = .seconds(Self.shutdownSeconds)
    switch settings.clientAuthentication {
    case .off:
      configuration.certificateVerification = .none
    case .request, .require:
      guard let file = settings.clientAuthorityFile else {
        throw TLSProblem("client certificates are asked for, but no client CA is given")
      }
      configuration.trustRoots = .certificates(try PEMFile.certificates(file))
      // Clients with several certificates choose by these names.
      configuration.sendCANameList = true
      // Clients have no host name that could be checked.
      configuration.certificateVerification =
        settings.clientAuthentication == .require ? .noHostnameVerification : .optionalVerification
    }
    do {
      context = try NIOSSLContext(configuration: configuration)
    } catch NIOSSLError.failedToLoadPrivateKey {
      throw TLSProblem(
        "the key in \(settings.keyFile) does not belong to the certificate in "
          + settings.certificateFile)
    } catch {
      throw TLSProblem(
        "the certificate in \(settings.certificateFile) cannot be used: \(error)")
    }
    facts = CertificateFacts(chain[0])
  }
}
