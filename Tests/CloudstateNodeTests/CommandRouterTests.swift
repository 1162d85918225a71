import CloudstateModel
import ClusterControl
import MessageBus
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import CloudstateNode

/// The router of one node among owners that come and go.
struct CommandRouterTests {
  @Test("Commands that a former owner refuses go to the new one, in the order in which they came")
  func newOwner() async throws {
    let world = try RouterWorld()
    let (former, new) = (try world.owner("b"), try world.owner("c"))
    former.serves(false)
    world.assign(former.node, epoch: 1)
    try await world.send(0..<20)
    try await eventually("they were refused") { former.received.count >= 20 }
    try await world.send(20..<40)
    world.assign(new.node, epoch: 2)
    try await world.expectAnswers(40)
    #expect(new.received == (0..<40).map { "m\($0)" })
    #expect(world.answers == Set((0..<40).map { "m\($0) c" }))
  }

  @Test("Commands line up behind those that wait for an owner that does not serve the shard yet")
  func notYetServing() async throws {
    let world = try RouterWorld()
    let owner = try world.owner("b")
    owner.serves(false)
    world.assign(owner.node, epoch: 1)
    try await world.send(0..<5)
    try await eventually("they were refused") { owner.received.count >= 5 }
    owner.serves(true)
    try await world.send(5..<10)
    try await world.expectAnswers(10)
    #expect(owner.taken == (0..<10).map { "m\($0)" })
  }

  @Test(
    "An owner that answers none before all are there gets the others without the first's answer")
  func slowOwner() async throws {
    let world = try RouterWorld()
    let owner = try world.owner("b")
    owner.answersAt(10)
    try await world.send(0..<10)
    world.assign(owner.node, epoch: 1)
    try await world.expectAnswers(10)
    #expect(owner.received == (0..<10).map { "m\($0)" })
  }

  @Test("A shard that this node begins to serve is tried at once, as is one that is assigned")
  func local() async throws {
    let world = try RouterWorld()
    try await world.send(0..<3)
    #expect(world.answers == [])
    world.assign(world.node, epoch: 1)
    try await eventually("the entities have refused") { world.entities.received.count >= 1 }
    world.entities.serve()
    world.router.shardChanged(world.shard)
    try await world.expectAnswers(3)
    #expect(world.entities.taken == ["m0", "m1", "m2"])
  }

  @Test("Commands are held for a while and then told why")
  func timeLimit() async throws {
    let world = try RouterWorld(ownerTimeout: .milliseconds(60))
    try await world.send(0..<2)
    try await world.expectAnswers(2)
    #expect(world.answers == ["m0 error: shard-unavailable", "m1 error: shard-unavailable"])
    world.assign(world.node, epoch: 1)
    world.entities.serve()
    try await world.send(2..<3)
    try await world.expectAnswers(3)
    #expect(world.answers.contains("m2 a"), "nothing is left in line")
  }

  @Test("A command that may have run is not sent again")
  func unknown() async throws {
    let world = try RouterWorld()
    let owner = try world.owner("b")
    owner.fails(with: .outcomeUnknown)
    world.assign(owner.node, epoch: 1)
    try await world.send(0..<1)
    try await world.expectAnswers(1)
    #expect(world.answers == ["m0 error: outcome-unknown"])
    #expect(owner.received == ["m0"])
  }
}

/// A router at node `a`, and whatever owners a test wants.
private final class RouterWorld: Sendable {
  let router: CommandRouter
  let entities = LateEntities()
  let node: NodeID
  let shard: ShardID
  private let service: ServiceName
  private let network = InMemoryNetwork()
  private let bus: InMemoryMessageBus
  private let cluster = ChangingCluster()
  private let loop = MultiThreadedEventLoopGroup.singleton.any()
  private let answered = Mutex<[String]>([])

  init(ownerTimeout: TimeAmount = .seconds(20)) throws {
    node = try #require(NodeID("a"))
    service = try #require(ServiceName("test"))
    shard = ShardID(service: service, index: 0)
    bus = network.join(as: node)
    let reference = ClusterReference()
    reference.join(cluster)
    router = CommandRouter(
      cluster: reference, entities: entities, bus: bus,
      methods: EntityMethods([], replicatedServices: []), service: service, shardCount: 1,
      commandTimeout: .seconds(20), ownerTimeout: ownerTimeout)
  }

  deinit { bus.shutdown() }

  func owner(_ name: String) throws -> Owner {
    let other = network.join(as: try #require(NodeID(name)))
    bus.connect(to: other.peer())
    return try Owner(other, service: service)
  }

  func assign(_ owner: NodeID, epoch: UInt64) {
    cluster.assign(ShardAssignment(shard: shard, primary: owner, epoch: Epoch(epoch)))
    router.shardChanged(shard)
  }

  /// Sends commands `m0`, `m1` … one after the other without waiting.
  func send(_ numbers: Range<Int>) async throws {
    try await loop.submit { [self] in
      for number in numbers {
        let command = EntityCommand(
          serviceName: "test.S", method: "m\(number)",
          entity: EntityKey(persistenceID: "p", entityID: "e"), payloadTypeURL: "t", payload: [])
        router.route(command, on: loop) { answer in
          self.loop.preconditionInEventLoop()
          self.answered.withLock { $0.append("m\(number) \(answer.text)") }
        }
      }
    }.get()
  }

  var answers: Set<String> { Set(answered.withLock { $0 }) }

  /// Each command gets one answer.
  func expectAnswers(_ count: Int) async throws {
    try await eventually("\(count) answers") { answered.withLock { $0.count } >= count }
    #expect(answered.withLock { $0.count } == count)
  }
}

/// A node that takes commands, or does not.
private final class Owner: Sendable {
  private struct State {
    var serves = true
    var error: CommandError.Code?
    var received: [String] = []
    var taken: [String] = []
    /// Answers that wait until there are so many.
    var answersAt = 0
    var waiting: [@Sendable () -> Void] = []
  }

  let node: NodeID
  private let state = Mutex(State())

  init(_ bus: InMemoryMessageBus, service: ServiceName) throws {
    node = bus.nodeID
    let pattern = try #require(SubjectPattern("cs.cmd.\(service.text).*"))
    _ = bus.serve(pattern) { request in self.take(request) }
  }

  var received: [String] { state.withLock { $0.received } }
  var taken: [String] { state.withLock { $0.taken } }
  func serves(_ serves: Bool) { state.withLock { $0.serves = serves } }
  func fails(with code: CommandError.Code) { state.withLock { $0.error = code } }
  func answersAt(_ count: Int) { state.withLock { $0.answersAt = count } }

  private func take(_ request: BusRequest) {
    let method = request.subject.text.split(separator: ".").last.map(String.init) ?? ""
    let ready = state.withLock { state -> [@Sendable () -> Void] in
      state.received.append(method)
      var answer = CommandAnswer(.failure(node.text))
      if let code = state.error { answer = .error(CommandError(code, "")) }
      if state.serves {
        state.taken.append(method)
      } else {
        answer = .error(CommandError(.shardUnavailable, "not here"))
      }
      let encoded = RoutedCommandCodec.encode(answer)
      state.waiting.append { request.answer(.success(encoded)) }
      guard state.waiting.count >= state.answersAt else { return [] }
      defer { state.waiting = [] }
      return state.waiting
    }
    ready.forEach { $0() }
  }
}

/// The entities of a node that serves its shard when it is told.
private final class LateEntities: LocalEntities {
  private struct State {
    var serves = false
    var received: [String] = []
    var taken: [String] = []
  }

  private let state = Mutex(State())
  private let loop = MultiThreadedEventLoopGroup.singleton.any()

  var received: [String] { state.withLock { $0.received } }
  var taken: [String] { state.withLock { $0.taken } }
  func serve() { state.withLock { $0.serves = true } }
  func eventLoop(of shard: ShardID) -> any EventLoop { loop }

  func submit(
    _ command: EntityCommand, shard: ShardID,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    loop.execute { [self] in
      let answer = state.withLock { state in
        state.received.append(command.method)
        guard state.serves else {
          return CommandAnswer.error(CommandError(.shardUnavailable, "not yet"))
        }
        state.taken.append(command.method)
        return CommandAnswer(.failure("a"))
      }
      completion(answer)
    }
  }
}

/// A cluster of one shard, which is nobody's at first.
private final class ChangingCluster: ClusterHandle {
  private let assignment = Mutex<ShardAssignment?>(nil)

  func assign(_ assignment: ShardAssignment) { self.assignment.withLock { $0 = assignment } }

  var nodeID: NodeID {
    guard let node = NodeID("a") else { preconditionFailure("not a legal name") }
    return node
  }

  var snapshot: ClusterSnapshot {
    guard let service = ServiceName("test") else { preconditionFailure("not a legal name") }
    var map = ShardMap(service: service, shardCount: 1)
    if let assignment = assignment.withLock({ $0 }) {
      _ = map.apply(
        Plan(
          number: 1, reason: "", createdAt: Timestamp(unixMilliseconds: 0), shards: [assignment]))
    }
    return ClusterSnapshot(
      shardMap: map, members: [:], planNumber: 1, coordinatorReachable: true)
  }

  func addListener(_ listener: @escaping @Sendable (ClusterChange) -> Void) {}

  func report(_ reports: [ShardReport], heard: @escaping @Sendable () -> Void) { heard() }
}

extension CommandAnswer {
  /// The owner that ran the command, or the error's code.
  fileprivate var text: String {
    switch outcome {
    case .failure(let text): text
    case .error(let error): "error: \(error.code.rawValue)"
    case .reply, .forward: "unexpected"
    }
  }
}
