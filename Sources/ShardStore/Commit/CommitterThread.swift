import Dispatch
import Glibc

/// A thread of its own that runs one closure and ends with it.
///
/// The committer blocks in system calls for most of its life, which neither an event loop nor the
/// cooperative pool may do.
struct CommitterThread: Sendable {
  private let ended = DispatchGroup()

  /// Starts the thread. What `body` captures is released before ``waitUntilEnded()`` returns.
  init(_ body: @escaping @Sendable () -> Void) throws(StoreError) {
    let start = ThreadStart(body: body, ended: ended)
    ended.enter()
    let retained = Unmanaged.passRetained(start)
    var thread = pthread_t()
    let code = pthread_create(&thread, nil, runThread, retained.toOpaque())
    guard code == 0 else {
      retained.release()
      ended.leave()
      throw StoreError(
        .cannotOpen, "no thread for the committer (error \(code)); raise the limit on threads")
    }
    pthread_detach(thread)
  }

  /// Blocks until the closure has returned. Any number of threads may wait, but never the thread itself.
  func waitUntilEnded() { ended.wait() }
}

/// Carries the closure over the C call; the new thread takes over the reference.
private final class ThreadStart {
  let body: @Sendable () -> Void
  let ended: DispatchGroup

  init(body: @escaping @Sendable () -> Void, ended: DispatchGroup) {
    self.body = body
    self.ended = ended
  }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let ended = run(Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue())
  ended.leave()
  return nil
}

/// Releases the closure on return.
private func run(_ start: consuming ThreadStart) -> DispatchGroup {
  start.body()
  return start.ended
}
