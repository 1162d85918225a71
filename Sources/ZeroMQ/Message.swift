import CZeroMQ

/// Room for one received frame, used again for each.
///
/// libzmq forbids moving a `zmq_msg_t`, hence the fixed place on the heap.
package struct Message: ~Copyable {
  let raw: UnsafeMutablePointer<zmq_msg_t>

  package init() {
    raw = .allocate(capacity: 1)
    raw.initialize(to: zmq_msg_t())
    zmq_msg_init(raw)
  }

  deinit {
    zmq_msg_close(raw)
    raw.deallocate()
  }

  /// Bytes in the frame.
  package var count: Int { zmq_msg_size(raw) }

  /// Whether more frames of the same message follow.
  package var hasMore: Bool { zmq_msg_more(raw) != 0 }

  /// Lends the bytes of the frame; they are overwritten by the next receive into this message.
  package func withBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
    body(
      UnsafeRawBufferPointer(start: UnsafeRawPointer(zmq_msg_data(raw)), count: count).bytes)
  }
}
