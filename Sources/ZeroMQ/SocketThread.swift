import CLinux
import Glibc
import Synchronization

/// A thread of the system for code that blocks in ``SocketPoller/wait(milliseconds:)`` and owns sockets.
package final class SocketThread: Sendable {
  private enum State {
    case running(pthread_t)
    case joining(pthread_t)
    case ended
  }

  private let state: Mutex<State>

  /// Starts a thread that runs `body` and ends. The first 15 bytes of `name` show in system tools.
  package init(name: String, body: @escaping @Sendable () -> Void) throws(ZeroMQError) {
    let box = Unmanaged.passRetained(Body(name: name, run: body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        cs_thread_set_name(body.name)
        body.run()
        return nil
      }, box.toOpaque())
    guard status == 0 else {
      box.release()
      throw ZeroMQError(code: status, operation: "pthread_create \(name)")
    }
    state = Mutex(.running(thread))
  }

  deinit {
    // Nobody waited: let the system clean up when the thread ends.
    state.withLock { if case .running(let thread) = $0 { pthread_detach(thread) } }
  }

  /// Whether the calling thread is this one.
  package var isCurrent: Bool {
    state.withLock { state in
      switch state {
      case .running(let thread), .joining(let thread): pthread_equal(thread, pthread_self()) != 0
      case .ended: false
      }
    }
  }

  /// Blocks until the thread has ended. Only the first call waits; never call it on the thread itself.
  package func join() {
    let thread: pthread_t? = state.withLock { state in
      guard case .running(let thread) = state else { return nil }
      state = .joining(thread)
      return thread
    }
    guard let thread else { return }
    pthread_join(thread, nil)
    state.withLock { $0 = .ended }
  }
}

/// What a new thread is handed.
private final class Body: Sendable {
  let name: String
  let run: @Sendable () -> Void

  init(name: String, run: @escaping @Sendable () -> Void) {
    self.name = name
    self.run = run
  }
}
