import AccessControl
import CloudstateModel
import Eventing
import GRPCTransport
import Ingress
import Logging
import NIOCore
import NIOPosix
import ShardStore

// The access control of the public port: where its rules come from, and how they reach what is served.
extension CloudstateNode {
  /// The access control of a node, where it has some.
  struct ControlledAccess: Sendable {
    let authenticator: Authenticator
    let file: AccessFileLoader
  }

  /// How often the access file and its keys are looked at; a change is taken at the second look.
  private static let accessFilePeriod: Duration = .seconds(1)

  /// Reads the access file and prepares to verify tokens.
  ///
  /// - Throws: ``NodeError`` for a file that is wrong, naming each line.
  func loadAccess(_ teardown: Teardown) async throws -> ControlledAccess? {
    guard let path = configuration.accessFile else { return nil }
    var file = AccessFileLoader(path: path)
    let settings: AccessSettings
    do throws(AccessFileLoader.Failure) {
      settings = try await file.load()
    } catch {
      throw NodeError(.configuration, error.description)
    }
    // One thread: tokens that are wrong take no more than a core from those who work.
    let pool = NIOThreadPool(numberOfThreads: 1)
    pool.start()
    teardown.add("verification of tokens") { try await pool.shutdownGracefully() }
    let authenticator = Authenticator(
      settings, worker: { work in pool.submit { work($0 == .active) } },
      now: ShardStoreConfiguration.systemTime, logger: logger)
    logger.info("access as \(path) says; \(settings.summary)")
    return ControlledAccess(authenticator: authenticator, file: file)
  }

  /// Uses what the access file says whenever it changes, until the task is cancelled. A file that is wrong
  /// changes nothing, and is logged.
  func followAccessFile(_ access: ControlledAccess) async throws {
    var file = access.file
    while true {
      try await Task.sleep(for: Self.accessFilePeriod)
      guard let reload = await file.reloadIfChanged() else { continue }
      if let failure = reload.failure {
        logger.error(
          "the access file has changed and cannot be used; what it said before stays: \(failure)")
      }
      if let settings = reload.settings {
        access.authenticator.use(settings)
        logger.notice(
          "the access file or its keys have changed; \(settings.summary)")
      }
    }
  }
}

extension AccessSettings {
  fileprivate var summary: String {
    "\(file.tokens.count) tokens, \(file.policy.rules.count) rules"
  }
}

extension EventStreamsService {
  /// As ``handler(for:access:)``, for a caller with these rights.
  func handler(
    for call: any GRPCServerCall, service: ServiceName, rights: AccessRights
  ) -> (any GRPCServerCallHandler)? {
    guard call.path == Self.tailPath || call.path == Self.describePath else { return nil }
    // Who may follow no event need not know where they are.
    guard rights.allows(.tail, someOf: .everyEvent(of: service)) else {
      return AccessRefusal.deny(call)
    }
    let access = TailAccess(
      allows: { [weak call] pattern in
        guard rights.allows(.tail, all: pattern) else { return false }
        call?.rests(on: .tail, pattern)
        return true
      }, refuse: { AccessRefusal.deny($0) })
    return handler(for: call, access: access)
  }
}
