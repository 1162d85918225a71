import CloudstateModel
import Logging
import MessageBus
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// What both buses have besides the contract.
protocol TestableBus: MessageBus {
  func peer(incarnation: UInt64) -> BusPeer
  func shutdown()
}

extension ZeroMQMessageBus: TestableBus {}
extension InMemoryMessageBus: TestableBus {}

/// What joins the buses of a test.
enum Fabric: String, CaseIterable, Sendable {
  case memory, tcp, ipc
  /// TCP with a key.
  case encrypted
}

/// Starts buses over one fabric and ends them with the test.
final class BusHarness: Sendable {
  /// Bounds that a test may make small; both buses know them.
  struct Limits: Sendable {
    var maximumMessageBytes = 1 << 20
    var pendingRequestsPerPeer = 65_536
  }

  private let fabric: Fabric
  private let limits: Limits
  private let directory: TemporaryDirectory
  private let network: InMemoryNetwork
  private let buses = Mutex<[any TestableBus]>([])
  private let incarnations = Atomic<UInt64>(1)

  init(_ fabric: Fabric, limits: Limits = Limits()) throws {
    self.fabric = fabric
    self.limits = limits
    directory = try TemporaryDirectory()
    var memoryLimits = InMemoryLimits()
    memoryLimits.maximumMessageBytes = limits.maximumMessageBytes
    memoryLimits.pendingRequestsPerPeer = limits.pendingRequestsPerPeer
    network = InMemoryNetwork(limits: memoryLimits)
  }

  deinit { for bus in buses.withLock({ $0 }) { bus.shutdown() } }

  /// Starts the bus of a node. Over ipc each start listens at new paths, as over tcp at new ports.
  func start(_ name: String) throws -> any TestableBus {
    let node = try nodeID(name)
    let incarnation = nextIncarnation()
    let bus: any TestableBus
    switch fabric {
    case .memory: bus = network.join(as: node)
    case .tcp, .ipc, .encrypted:
      var configuration = testConfiguration()
      configuration.maximumMessageBytes = limits.maximumMessageBytes
      configuration.pendingRequestsPerPeer = limits.pendingRequestsPerPeer
      if fabric == .encrypted { configuration.key = try sharedKey.get() }
      if fabric == .ipc {
        configuration.requestBind = "ipc://\(directory.path)/\(name)-\(incarnation)-r"
        configuration.publishBind = "ipc://\(directory.path)/\(name)-\(incarnation)-p"
      }
      bus = try ZeroMQMessageBus.start(
        configuration: configuration, nodeID: node, logger: quietLogger)
    }
    buses.withLock { $0.append(bus) }
    return bus
  }

  func nextIncarnation() -> UInt64 { incarnations.wrappingAdd(1, ordering: .relaxed).newValue }

  /// Links two buses both ways and waits until requests pass both ways.
  func link(_ first: any TestableBus, _ second: any TestableBus) async throws {
    for (from, to) in [(first, second), (second, first)] {
      from.connect(to: to.peer(incarnation: nextIncarnation()))
    }
    for (from, to) in [(first, second), (second, first)] {
      try await eventually("link from \(from.nodeID) to \(to.nodeID)") {
        await from.ask("link.check", "", of: to.nodeID).failureCode == .noResponder
      }
    }
  }
}

/// The key of all buses over ``Fabric/encrypted``.
private let sharedKey = Result { try BusKey.make() }

/// Short times, so that tests end soon.
func testConfiguration() -> ZeroMQBusConfiguration {
  var configuration = ZeroMQBusConfiguration()
  configuration.heartbeatInterval = .milliseconds(200)
  configuration.heartbeatTimeout = .seconds(2)
  return configuration
}

let quietLogger = {
  var logger = Logger(label: "bus") { _ in SwiftLogNoOpLogHandler() }
  logger.logLevel = .critical
  return logger
}()

/// An event loop for completions.
let eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any()

func nodeID(_ text: String) throws -> NodeID { try #require(NodeID(text)) }
func subject(_ text: String) throws -> Subject { try #require(Subject(text)) }
func pattern(_ text: String) throws -> SubjectPattern { try #require(SubjectPattern(text)) }

typealias Answer = Result<ByteBuffer, BusError>

extension Answer {
  var text: String? { (try? get()).map { String(buffer: $0) } }
  var failureCode: BusError.Code? {
    if case .failure(let error) = self { error.code } else { nil }
  }
  var failureMessage: String {
    if case .failure(let error) = self { error.message } else { "" }
  }
}

extension MessageBus {
  /// Sends a request and waits for its completion.
  func ask(
    _ subjectText: String, _ text: String, of node: NodeID, timeout: TimeAmount = .seconds(20)
  ) async -> Answer {
    guard let subject = Subject(subjectText) else {
      return .failure(BusError(.rejected, "not a subject: \(subjectText)"))
    }
    return await withCheckedContinuation { continuation in
      request(
        subject, payload: ByteBuffer(string: text), to: node, timeout: timeout, on: eventLoop
      ) { continuation.resume(returning: $0) }
    }
  }

  func publish(_ subjectText: String, _ text: String) throws {
    publish(try subject(subjectText), payload: ByteBuffer(string: text))
  }
}

/// A list that any thread may add to.
final class Recorder<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])

  func append(_ element: Element) { elements.withLock { $0.append(element) } }
  var all: [Element] { elements.withLock { $0 } }
  var count: Int { elements.withLock { $0.count } }
}

extension MessageBus {
  /// Records publications as `subject=payload`, and their sequences.
  func record(
    _ patternText: String, group: String? = nil
  ) throws -> (recorder: Recorder<Publication>, subscription: Subscription) {
    let recorder = Recorder<Publication>()
    let subscription = subscribe(try pattern(patternText), queueGroup: group) {
      recorder.append($0)
    }
    return (recorder, subscription)
  }
}

extension Recorder<Publication> {
  var texts: [String] { all.map { "\($0.subject)=\(String(buffer: $0.payload))" } }
  var sequences: [UInt64] { all.map(\.sequence) }
}
