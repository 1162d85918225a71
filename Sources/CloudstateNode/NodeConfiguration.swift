package import CloudstateModel
package import EntityRuntime
package import Eventing
package import GRPCTransport
package import Ingress
package import MessageBus
import NIOCore

/// Everything a node can be told. Flags and files of `cs-node` end here.
package struct NodeConfiguration: Sendable {
  package var service: ServiceName
  package var nodeID: NodeID
  /// Where the user function runs.
  package var function: FunctionPlace
  /// For calls from inside the process; `nil` where there are none.
  package var access: LocalAccess?
  /// The public listener. Port 0 takes a free port.
  package var listen: GRPCAddress
  /// Which pages of other origins may use the public listener; none, by default.
  package var cors = CORSConfiguration()
  /// Protection and limits of the public listener.
  package var listener = ListenerConfiguration()
  /// The file that says who may do what at the public listener (`Config/access.yaml`); `nil`: everybody may
  /// do everything.
  package var accessFile: String?
  /// The management listener (`/ready`, `/alive`); `nil` for none.
  package var management: GRPCAddress?
  /// Bus endpoints to bind; `*` as port takes a free one.
  package var busRequests = "tcp://127.0.0.1:*"
  package var busPublications = "tcp://127.0.0.1:*"
  /// Encrypts the bus and keeps out who does not have it; `nil` for an open one.
  package var busKey: BusKey?
  /// Request endpoint of the coordinator, or of several, separated by commas; `nil` for a node that runs alone.
  package var coordinator: String?
  /// How long commands wait for a node that owns their entity and cannot be reached. Default 5 s; longer hides
  /// longer restarts from clients without retries, shorter tells them sooner.
  package var ownerTimeout: Duration = .seconds(5)
  /// Folder of the database.
  package var data: String
  /// Shards of the service. All nodes agree, and it never changes for a data directory.
  package var shardCount: UInt32 = 64
  /// Copies of the service's shards.
  package var replication = ReplicationSettings()
  package var entities = EntityRuntimeConfiguration()
  /// Entity streams the function serves at once; `nil` for what is known of its library.
  package var maximumStreams: Int?
  /// How long answers are kept under their idempotency keys. Default 24 h.
  package var idempotencyRetention: Duration = .seconds(24 * 3600)
  /// Event loops; `nil` for ``defaultEventLoops``.
  package var eventLoops: Int?
  /// One for every two cores: the user function and the committer want the others, and a command that
  /// stays on one loop is the cheapest.
  package static var defaultEventLoops: Int { max(1, System.coreCount / 2) }
  /// Largest message from clients and from the function, in bytes. Default 12 MiB, as the reference.
  package var maximumMessageBytes = 12 * 1024 * 1024
  /// HTTP with JSON; its limit of bodies is ``maximumMessageBytes``.
  package var http = HTTPTranscoderConfiguration()
  /// How long a node that was told to stop goes on serving while `/ready` says that it is not ready, so that
  /// load balancers send new clients elsewhere. Default 0.
  package var drainDelay: Duration = .zero
  /// Limit of each step of a graceful stop. Default 10 s, as the reference.
  package var shutdownGrace: Duration = .seconds(10)
  /// Which protocol versions of the function are accepted.
  package var versionCheck = DiscoveryPolicy.VersionCheck.compatible
  /// The wait before an event that failed is handed over again; it doubles up to
  /// ``eventMaximumRetryDelay``. Default 3 s, as the reference.
  package var eventRetryDelay: Duration = .seconds(3)
  /// Default 30 s, as the reference.
  package var eventMaximumRetryDelay: Duration = .seconds(30)
  /// What a regular failure in answer to an event means. Default: as any other failure.
  package var eventFailures = ConsumerSettings.RefusalPolicy.retry
  /// Failures of one event before ``eventPoison`` decides; `nil`, the default, tries for ever.
  package var eventAttempts: Int?
  package var eventPoison = ConsumerSettings.PoisonPolicy.skip
  /// Written in one step when the node is ready; `nil` for none.
  package var readyFile: String?

  package init(
    service: ServiceName, nodeID: NodeID, function: FunctionPlace, listen: GRPCAddress, data: String
  ) {
    self.service = service
    self.nodeID = nodeID
    self.function = function
    self.listen = listen
    self.data = data
  }

  /// Reads the key of the bus from a file.
  ///
  /// - Throws: ``NodeError`` that names the file, and the line that is wrong.
  package mutating func useBusKey(_ path: String) throws(NodeError) {
    do throws(BusKeyError) {
      busKey = try BusKey.read(path)
    } catch {
      throw NodeError(.configuration, error.message)
    }
  }

  /// Checks ranges and relations.
  ///
  /// - Throws: ``NodeError`` naming each setting that is out of range.
  package func validate() throws(NodeError) {
    var problems: [String] = []
    func check(_ holds: Bool, _ problem: String) {
      if !holds { problems.append(problem) }
    }
    check((1...65_536).contains(shardCount), "shards must be 1 to 65536, not \(shardCount)")
    check(maximumStreams ?? 1 > 0, "max-streams must be at least 1")
    check(
      (1...256).contains(eventLoops ?? 1), "loops must be 1 to 256, not \(eventLoops ?? 1)")
    check(
      (1...Int(Int32.max)).contains(maximumMessageBytes),
      "max-message-bytes must be 1 to \(Int32.max)")
    check(
      http.leastBytesToCompress ?? 1 > 0, "http-gzip-bytes must be at least 1, or 0 for never")
    check(entities.passivationTimeout > .zero, "passivation-timeout must be above zero")
    check(idempotencyRetention >= .seconds(1), "idempotency-retention must be at least 1s")
    // A retry with the same key must still find the answer when the first attempt has just timed out.
    check(
      idempotencyRetention >= entities.commandTimeout,
      "idempotency-retention must be at least the command timeout of \(entities.commandTimeout)")
    check(eventRetryDelay >= .milliseconds(1), "event-retry-delay must be at least 1ms")
    check(
      eventMaximumRetryDelay >= eventRetryDelay && eventMaximumRetryDelay <= .seconds(24 * 3600),
      "event-max-retry-delay must be from event-retry-delay to 24h")
    check(
      drainDelay >= .zero && drainDelay <= .seconds(3600), "drain-delay must be from 0s to 1h")
    check(eventAttempts ?? 1 > 0, "event-attempts must be at least 1, or 0 for no limit")
    do throws(NodeError) {
      _ = try cors.policy()
    } catch {
      problems.append(error.message)
    }
    problems += listener.problems()
    problems += replication.problems()
    check(accessFile != "", "access must name a file")
    guard problems.isEmpty else {
      throw NodeError(.configuration, problems.joined(separator: "; "))
    }
  }
}
