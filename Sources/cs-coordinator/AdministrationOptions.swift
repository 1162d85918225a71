import ArgumentParser
import CloudstateModel
import ClusterControl
import CommandLineKit
import Logging

/// The listener for operators.
struct AdministrationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Serves cs-admin here, by plain HTTP without any check of who asks; port 0 takes a free one. Default: off.",
      valueName: "host:port"))
  var admin: String?
  @Option(
    help: ArgumentHelp(
      "Where cs-admin reaches this listener, told by other coordinators while this one leads; default: where it "
        + "listens.",
      valueName: "host:port"))
  var adminAdvertise: String?

  /// What `--config` files may set.
  static let options = ["admin", "admin-advertise"]

  func validate() throws {
    guard let adminAdvertise else { return }
    guard admin != nil else { throw ValidationError("--admin-advertise needs --admin") }
    let parts = adminAdvertise.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 1, parts.first?.isEmpty == false,
      let port = parts.last.flatMap({ UInt16($0) }),
      port > 0, adminAdvertise.utf8.count <= 256, !adminAdvertise.contains(where: \.isWhitespace)
    else {
      throw ValidationError("--admin-advertise '\(adminAdvertise)' is not HOST:PORT")
    }
  }

  /// - Throws: ``ProgramError`` with status `usage` for what is no address.
  func address() throws(ProgramError) -> AdminAddress? {
    guard let admin else { return nil }
    guard let colon = admin.lastIndex(of: ":"), colon != admin.startIndex,
      let port = UInt16(admin[admin.index(after: colon)...])
    else {
      throw ProgramError(
        "--admin '\(admin)' is not HOST:PORT", hint: "--admin 127.0.0.1:9110", status: .usage)
    }
    var host = String(admin[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    return AdminAddress(host: host, port: Int(port))
  }
}

/// Where operators are served.
struct AdminAddress {
  var host: String
  var port: Int

  /// Begins to serve, with a loud word where others than this machine may reach it.
  func serve(_ desk: AdminDesk, logger: Logger) async throws -> AdminServer {
    let server = try await AdminServer.start(host: host, port: port, desk: desk, logger: logger)
    logger.info("administration at \(server.address)")
    if !HostText.isLoopback(host) {
      logger.warning(
        """
        WHOEVER REACHES \(server.address) CAN DRAIN NODES AND ACCEPT LOSSES: the administration listener checks \
        nobody. Give --admin an address of the loopback interface, such as 127.0.0.1:9110, and reach it by ssh
        """)
    }
    return server
  }
}
