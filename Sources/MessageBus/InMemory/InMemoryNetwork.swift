package import CloudstateModel
import DequeModule
import Dispatch
import NIOCore
import Synchronization

/// Joins the in-memory buses of one process, and lets a test break what joins them.
///
/// Messages wait in one queue and are delivered one at a time, in order: by a queue of the system, or,
/// in a simulation, only when the test says so. All members may be called from any thread; in a manual
/// network handlers run on the thread that delivers.
package final class InMemoryNetwork: Sendable {
  package enum Delivery: Sendable {
    /// In the background, as soon as possible.
    case automatic
    /// When ``deliverNext()`` or ``deliverAll()`` is called.
    case manual
  }

  let limits: InMemoryLimits
  private let delivery: Delivery
  private let state: Mutex<InMemoryState>
  private let worker = DispatchQueue(label: "in-memory network")

  package init(delivery: Delivery = .automatic, limits: InMemoryLimits = InMemoryLimits()) {
    self.delivery = delivery
    self.limits = limits
    state = Mutex(InMemoryState(limits: limits))
  }

  /// Makes the bus of a node. A bus that had the same id is shut down first: the node has restarted.
  package func join(as nodeID: NodeID) -> InMemoryMessageBus {
    let (start, effects) = state.withLock { state in
      let effects = state.remove(nodeID)
      return (state.add(nodeID), effects)
    }
    effects.forEach { $0.run() }
    return InMemoryMessageBus(nodeID: nodeID, start: start, network: self)
  }

  // MARK: Faults

  /// Breaks the link between two nodes, both ways: what is under way is lost, requests fail.
  package func partition(_ first: NodeID, _ second: NodeID) {
    let effects = state.withLock { $0.sever(first, second) }
    effects.forEach { $0.run() }
  }

  /// Mends the link between two nodes.
  package func heal(_ first: NodeID, _ second: NodeID) {
    state.withLock { _ = $0.severed.remove([first, second]) }
  }

  /// Mends all links.
  package func healAll() { state.withLock { $0.severed.removeAll() } }

  /// Loses each message for which `rule` says so, silently; `nil` loses none. The rule is asked when the
  /// message would be delivered.
  package func lose(where rule: (@Sendable (InMemoryMessage) -> Bool)?) {
    state.withLock { $0.isLost = rule }
  }

  // MARK: Delivery

  /// Messages that wait for delivery.
  package var waitingCount: Int { state.withLock { $0.queue.count } }

  /// Delivers the oldest message of a manual network; `false` if there is none, or if a delivery is going on (then that one
  /// goes on with it).
  @discardableResult
  package func deliverNext() -> Bool {
    let next = state.withLock {
      state -> (InMemoryMessage, (@Sendable (InMemoryMessage) -> Bool)?)? in
      guard !state.isDelivering, let message = state.queue.popFirst() else { return nil }
      state.isDelivering = true
      return (message, state.isLost)
    }
    guard let (message, isLost) = next else { return false }
    let isWanted = !(isLost?(message) ?? false)
    let effects = isWanted ? state.withLock { $0.deliver(message, network: self) } : []
    effects.forEach { $0.run() }
    state.withLock { $0.isDelivering = false }
    return true
  }

  /// Delivers all messages of a manual network until nothing waits, including what the handlers send meanwhile.
  package func deliverAll() {
    while deliverNext() {}
  }

  private func scheduleDelivery() {
    guard delivery == .automatic else { return }
    worker.async { self.deliverAll() }
  }

  // MARK: For the buses

  typealias Node = InMemoryState.Node

  /// Changes the state on behalf of a bus that has not been shut down or replaced.
  func perform(
    as nodeID: NodeID, _ start: UInt64, _ change: (inout InMemoryState) -> [InMemoryEffect]
  ) {
    let (effects, hasMessages) = state.withLock { state -> ([InMemoryEffect], Bool) in
      guard state.nodes[nodeID]?.start == start else { return ([], false) }
      return (change(&state), !state.queue.isEmpty)
    }
    effects.forEach { $0.run() }
    if hasMessages { scheduleDelivery() }
  }

  /// Registers a handler and answers its id.
  func register(
    as nodeID: NodeID, _ start: UInt64, _ add: (UInt64, inout Node) -> Void
  ) -> UInt64 {
    state.withLock { state in
      let id = state.nextNumber()
      if let index = state.nodes.index(forKey: nodeID), state.nodes.values[index].start == start {
        add(id, &state.nodes.values[index])
      }
      return id
    }
  }

  func leave(_ nodeID: NodeID, start: UInt64) {
    perform(as: nodeID, start) { $0.remove(nodeID) }
  }

  func request(
    _ subject: Subject, payload: ByteBuffer, from source: NodeID, _ start: UInt64,
    to target: NodeID,
    timeout: TimeAmount, requester: Requester
  ) {
    let sent = state.withLock { state -> Result<UInt64, BusError> in
      guard state.nodes[source]?.start == start else { return .failure(.closed(source)) }
      return state.request(subject, payload: payload, from: source, to: target, requester)
    }
    switch sent {
    case .failure(let error): requester.complete(.failure(error))
    case .success(let id):
      let timer = requester.eventLoop.scheduleTask(in: timeout) { [weak self] in
        guard let self else { return }
        let effects = self.state.withLock { $0.timeOut(id, of: source, target: target) }
        effects.forEach { $0.run() }
      }
      let isPending = state.withLock { state in
        guard state.nodes[source]?.pending.isPending(id) == true else { return false }
        state.nodes[source]?.timers[id] = timer
        return true
      }
      if !isPending { timer.cancel() }
      scheduleDelivery()
    }
  }

  /// Queues an answer on its way back.
  func answer(_ answer: InMemoryMessage) {
    state.withLock { $0.enqueue(answer) }
    scheduleDelivery()
  }
}

/// Bounds of an in-memory network, with the meaning they have in ``ZeroMQBusConfiguration``.
package struct InMemoryLimits: Sendable {
  package var maximumMessageBytes = 16 << 20
  package var pendingRequestsPerPeer = 65_536

  package init() {}
}
