import CLinux
import Glibc

/// Waits for whichever of many sockets has something to do, at a cost that grows with those that have.
///
/// zmq_poll(3) asks every socket before and after it sleeps, which takes some system calls each. This one watches the
/// sockets' descriptors (ZMQ_FD) with epoll(7) and asks those alone that have signalled, and those that were used since
/// they were last asked: libzmq may take a signal in when it is called, so that only then a socket can be ready without
/// one (zmq_getsockopt(3), ZMQ_FD).
///
/// Belongs to one thread, as its sockets do.
package final class SocketPoller {
  private let descriptor: Int32
  private let counter: EventCounter
  /// By the number under which epoll(7) knows them.
  private var members: [UInt64: SocketReadiness] = [:]
  private var lastNumber: UInt64 = 0
  /// To be asked before the next sleep.
  private var used: [SocketReadiness] = []
  /// Lent to ``wait(milliseconds:)``, so that it allocates nothing.
  private var asked: [SocketReadiness] = []
  /// What the last wait found.
  private var ready: [SocketReadiness] = []
  private var numbers = [UInt64](repeating: 0, count: Int(CS_EPOLL_CAPACITY))
  /// Whether the event counter was signalled, as the last wait found it.
  package private(set) var isSignalled = false

  private static let counterNumber: UInt64 = 0

  /// - Parameter counter: ends a wait early.
  package init(_ counter: EventCounter) throws(ZeroMQError) {
    self.counter = counter
    descriptor = cs_epoll_create()
    guard descriptor >= 0 else { throw ZeroMQError(code: errno, operation: "epoll_create1") }
    try watch(counter.descriptor, as: Self.counterNumber)
  }

  deinit { close(descriptor) }

  /// Watches a socket until it ends.
  package func add(_ socket: borrowing Socket) throws(ZeroMQError) {
    socket.checkThread()
    lastNumber += 1
    let readiness = socket.readiness
    let descriptor = try socket.descriptor()
    try watch(descriptor, as: lastNumber)
    members[lastNumber] = readiness
    readiness.join(self, number: lastNumber, descriptor: descriptor)
  }

  /// Blocks until a socket is ready, the counter is signalled, or the time has passed. Milliseconds; -1 waits for ever. A
  /// signal to the process ends the wait early with nothing ready. After an error the poller is of no further use.
  package func wait(milliseconds: Int) throws(ZeroMQError) {
    for readiness in ready { readiness.reset() }
    ready.removeAll(keepingCapacity: true)
    isSignalled = false
    swap(&used, &asked)
    defer { asked.removeAll(keepingCapacity: true) }
    for readiness in asked {
      readiness.isUsed = false
      try ask(readiness)
    }
    let timeout = ready.isEmpty ? Int32(clamping: milliseconds) : 0
    let count = cs_epoll_wait(descriptor, &numbers, timeout)
    guard count >= 0 else {
      guard errno == EINTR else { throw ZeroMQError(code: errno, operation: "epoll_wait") }
      return
    }
    for number in numbers.prefix(Int(count)) {
      if number == Self.counterNumber {
        isSignalled = true
      } else if let readiness = members[number] {
        try ask(readiness)
      }
    }
  }

  private func ask(_ readiness: SocketReadiness) throws(ZeroMQError) {
    let wasReady = readiness.isReady
    try readiness.update()
    guard readiness.isReady else { return }
    if !wasReady { ready.append(readiness) }
    // It stays so until it has been emptied, which takes using it, or until nobody waits for room any more.
    noteUse(of: readiness)
  }

  /// The socket may be ready without a signal.
  func noteUse(of readiness: SocketReadiness) {
    guard !readiness.isUsed else { return }
    readiness.isUsed = true
    used.append(readiness)
  }

  /// The socket is about to end.
  func remove(_ readiness: SocketReadiness, number: UInt64, descriptor: Int32) {
    // Its descriptor outlives it for a while, and may signal.
    _ = cs_epoll_remove(self.descriptor, descriptor)
    members[number] = nil
    used.removeAll { $0 === readiness }
    ready.removeAll { $0 === readiness }
  }

  private func watch(_ other: Int32, as number: UInt64) throws(ZeroMQError) {
    guard cs_epoll_add(descriptor, other, number) == 0 else {
      throw ZeroMQError(code: errno, operation: "epoll_ctl")
    }
  }
}
