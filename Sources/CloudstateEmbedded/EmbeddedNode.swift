import ArgumentParser
public import CloudstateSDK
import CommandLineKit
import EntityRuntime
import GRPCTransport
import Glibc
import Ingress
import NIOPosix
import NodeCommand

/// A whole node in one process: the sidecar with its entities and actions inside it.
///
/// It does what `cs-node` does beside a ``CloudstateServer``, with the same entities and actions and the
/// same durability, but commands reach them without leaving the process.
///
/// ```swift
/// await EmbeddedNode(
///   descriptors: descriptorSet, entities: [Counter.self], actions: [Greeter()]
/// ).runMain()
/// ```
///
/// The program then takes the options of `cs-node`, all but `--function`:
/// `counter-node --service counter --data ./data`.
///
/// Entities run on the event loops of the node. An entity that takes long for a command, or blocks, delays
/// clients of other entities as well; and a user function that crashes takes the node with it, which loses
/// nothing that was acknowledged, but is slower to come back than a function alone. Where either is likely,
/// a function in a process of its own is the better choice.
public struct EmbeddedNode: Sendable {
  private let server: CloudstateServer
  /// Sends commands from inside the process, without a connection.
  public let client: EmbeddedClient

  /// Describes a node; nothing starts before ``runMain()`` or ``run(arguments:)``.
  ///
  /// - Parameters:
  ///   - descriptors: a serialized `google.protobuf.FileDescriptorSet`, as ``CloudstateServer`` takes it.
  ///   - entities: the kinds of entities to host, one for each service.
  ///   - actions: the actions to host, one for each service.
  ///   - client: becomes the ``client`` of this node. For actions that are to call entities: give them one
  ///     and the node the same.
  public init(
    descriptors: [UInt8], entities: [any CloudstateEntity.Type] = [], actions: [any Action] = [],
    client: EmbeddedClient = EmbeddedClient()
  ) {
    self.client = client
    server = CloudstateServer(descriptors: descriptors, entities: entities, actions: actions)
  }

  /// Runs as the command line of the process says, until the process gets SIGTERM or SIGINT; then takes
  /// nothing new, finishes what is under way, and ends the process. The codes are those of `cs-node`: 0
  /// stopped by a signal, 1 failure, 2 wrong setting, each but 0 with a sentence on standard error.
  public func runMain() async -> Never { await runMain(EmbeddedProgram.self) }

  /// As ``runMain()``, with one option more: `--tap`, for a node that the compatibility kit tests.
  package func runTappedMain() async -> Never { await runMain(TappedProgram.self) }

  private func runMain(_ command: (some NodeProgram).Type) async -> Never {
    let typed = Array(CommandLine.arguments.dropFirst())
    let arguments: [String]
    do throws(ProgramError) {
      arguments = try NodeOptions.withConfigFile(typed)
    } catch {
      Console().error(error.message)
      exit(error.status.rawValue)
    }
    await runProgram(command, arguments: arguments) { program in
      if program.node.stopWithParent { try CommandLineKit.stopWithParent() }
      try beginCalls()
      defer { client.access.end() }
      try await run(program.node, tap: try program.tap()) {
        _ = try await SignalWatcher.firstSignal()
      }
    }
  }

  /// Runs with the given options until the task is cancelled; then stops in order and returns. For
  /// programs that do more than run a node. A node may run again after that, but not twice at a time.
  ///
  /// - Parameter arguments: options as on the command line of `cs-node`, for example
  ///   `["--service", "counter", "--data", "./data"]`. `--stop-with-parent` has no effect.
  /// - Throws: ``Failure`` for a wrong option, entities or actions that do not agree with the
  ///   descriptors, and for what the node cannot go on without.
  public func run(arguments: [String]) async throws(Failure) {
    do {
      // First, so that calls that wait for the node hear of a start that fails.
      try beginCalls()
      defer { client.access.end() }
      let options = try NodeOptions.parse(try NodeOptions.withConfigFile(arguments))
      try await run(options) {
        // Nobody ever yields: the stream ends with the task.
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        defer { continuation.finish() }
        for await _ in stream {}
      }
    } catch is CancellationError where Task.isCancelled {
      // Some part of the node saw that the task was cancelled before the wait for it did.
    } catch {
      throw Failure(description: Self.text(of: error))
    }
  }

  private func beginCalls() throws(ProgramError) {
    guard client.access.begin() else {
      throw ProgramError(
        "the node, or another one with its client, runs already; make an EmbeddedNode for each")
    }
  }

  private func run(
    _ options: NodeOptions, tap address: GRPCAddress? = nil,
    until stopped: @escaping @Sendable () async throws -> Void
  ) async throws {
    let logger = try options.logger(label: programName)
    var services: any GRPCServerRouter
    do throws(CloudstateServer.ConfigurationError) {
      services = try server.services(named: options.service ?? "", logger: logger)
    } catch {
      throw ProgramError("\(error)", status: .usage)
    }
    let tap = address.map {
      TapConnection(
        to: $0, eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: logger)
    }
    defer { tap?.close() }
    if let tap { services = TappedRouter(services, tap: tap) }
    try await options.runNode(
      function: .embedded(services), access: client.access, logger: logger, until: stopped)
  }

  private static func text(of error: any Error) -> String {
    switch error {
    case let error as ProgramError: error.message
    default: NodeOptions.message(for: error)
    }
  }

  /// Why a node did not start or could not go on.
  public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What happened and what to do about it.
    public let description: String
  }
}
