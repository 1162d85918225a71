import CZeroMQ

/// The sockets and the event counter that one call of zmq_poll(3) waits for.
///
/// Filled anew for each round, which costs 16 bytes a socket and no allocation: so it never refers to a
/// socket that has been closed.
package struct PollSet: ~Copyable {
  private var items: [zmq_pollitem_t] = []

  package init() {}

  /// Empties the set. Call before any socket in it ends.
  package mutating func removeAll() { items.removeAll(keepingCapacity: true) }

  /// Waits for the socket to have something to read and, if asked, room to write. Answers the index to
  /// ask about afterwards.
  @discardableResult
  package mutating func add(_ socket: borrowing Socket, writable: Bool = false) -> Int {
    let events = ZMQ_POLLIN | (writable ? ZMQ_POLLOUT : 0)
    items.append(zmq_pollitem_t(socket: socket.raw, fd: 0, events: Int16(events), revents: 0))
    return items.count - 1
  }

  /// Waits for a signal.
  @discardableResult
  package mutating func add(_ counter: EventCounter) -> Int {
    items.append(
      zmq_pollitem_t(socket: nil, fd: counter.descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
    return items.count - 1
  }

  /// Blocks until something is ready or the time has passed. Milliseconds; -1 waits for ever. A signal
  /// to the process ends the wait early with nothing ready.
  package mutating func wait(milliseconds: Int) throws(ZeroMQError) {
    let status = zmq_poll(&items, Int32(items.count), milliseconds)
    switch CallOutcome(status: status, operation: "zmq_poll") {
    case .success, .retry, .wouldBlock: return
    case .failure(let error): throw error
    }
  }

  /// Whether the item has something to read after a ``wait(milliseconds:)``.
  package func isReadable(_ index: Int) -> Bool {
    Int32(items[index].revents) & ZMQ_POLLIN != 0
  }

  /// Whether the item, added as writable, has room to write after a ``wait(milliseconds:)``.
  package func isWritable(_ index: Int) -> Bool {
    Int32(items[index].revents) & ZMQ_POLLOUT != 0
  }
}
