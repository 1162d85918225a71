import CZeroMQ

/// The I/O threads of libzmq and what its sockets share.
///
/// Sockets hold on to their context, so it ends after the last of them; the end waits for unsent
/// messages as long as the sockets' linger allows.
package final class Context: @unchecked Sendable {
  // Sendable: zmq_socket(3) and zmq_ctx_term(3) may be called from any thread, and the pointer never
  // changes.
  let raw: UnsafeMutableRawPointer

  /// - Parameter maximumSockets: open sockets at one time, monitors included; each costs a file
  ///   descriptor.
  package init(ioThreads: Int32 = 1, maximumSockets: Int32 = 8192) throws(ZeroMQError) {
    guard let raw = zmq_ctx_new() else {
      throw ZeroMQError(code: zmq_errno(), operation: "zmq_ctx_new")
    }
    self.raw = raw
    try require("zmq_ctx_set ZMQ_IO_THREADS") { zmq_ctx_set(raw, ZMQ_IO_THREADS, ioThreads) }
    try require("zmq_ctx_set ZMQ_MAX_SOCKETS") {
      zmq_ctx_set(raw, ZMQ_MAX_SOCKETS, maximumSockets)
    }
  }

  deinit {
    while zmq_ctx_term(raw) == -1 && zmq_errno() == EINTR {}
  }
}
