import CLinux
import Glibc

/// A kernel event counter (eventfd(2)) with which any thread wakes one that polls.
package final class EventCounter: Sendable {
  let descriptor: Int32

  package init() throws(ZeroMQError) {
    descriptor = cs_eventfd_create()
    guard descriptor >= 0 else { throw ZeroMQError(code: errno, operation: "eventfd") }
  }

  deinit { close(descriptor) }

  /// Makes the counter readable until it is cleared. Any thread.
  package func signal() {
    // The only failure possible is a counter about to overflow, which is readable already.
    _ = cs_eventfd_signal(descriptor)
  }

  /// Makes the counter unreadable until the next signal.
  package func clear() { cs_eventfd_clear(descriptor) }

  /// Blocks until the counter is signalled or the time has passed, or a signal comes to the process.
  package func wait(milliseconds: Int32) {
    var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&item, 1, milliseconds)
  }
}
