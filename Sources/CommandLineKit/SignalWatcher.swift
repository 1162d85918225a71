import CLinux
import Dispatch
import Glibc

/// Tells when the process is asked to stop.
///
/// The signals no longer end the process while a watcher exists. A signal handler may call almost
/// nothing, so it only writes the signal's number into a pipe, and the number is read here. The
/// handlers belong to the whole process and stay until it ends: make one watcher per process, in the
/// program, not in libraries.
///
/// `@unchecked Sendable`: the only state is a dispatch source that never changes after the
/// initialiser, and dispatch objects may be used from any thread.
package final class SignalWatcher: @unchecked Sendable {
  /// The signals watched by default.
  package static let stopSignals = [SIGINT, SIGTERM]

  private let source: any DispatchSourceRead

  /// Calls `onSignal` with each signal's number, in order, on a queue of the watcher's own. It must
  /// not block.
  ///
  /// - Throws: ``ProgramError`` when the process is out of descriptors.
  package init(
    signals: [Int32] = stopSignals, onSignal: @escaping @Sendable (Int32) -> Void
  ) throws(ProgramError) {
    let descriptor = try signalPipe(signals)
    let queue = DispatchQueue(label: "cloudstate.signals")
    let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    source.setEventHandler {
      while let signal = readSignal(from: descriptor) { onSignal(signal) }
    }
    source.activate()
    self.source = source
  }

  deinit { source.cancel() }

  /// Ends the delivery of signals; they stay blocked from ending the process.
  package func cancel() { source.cancel() }

  /// Waits for the first of `signals` and answers its number; for programs that serve until stopped.
  ///
  /// - Throws: ``ProgramError`` when the process is out of descriptors, `CancellationError` when the
  ///   task is cancelled.
  package static func firstSignal(_ signals: [Int32] = stopSignals) async throws -> Int32 {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Int32.self, bufferingPolicy: .bufferingOldest(8))
    let watcher = try SignalWatcher(signals: signals) { continuation.yield($0) }
    defer { watcher.cancel() }
    for await signal in stream { return signal }
    throw CancellationError()
  }
}

/// Diverts signals into a pipe and answers its reading end, which is non-blocking and for `poll`. Each
/// byte is a signal's number; see ``readSignal(from:)``. Calling it again adds signals to the same
/// pipe.
///
/// - Throws: ``ProgramError`` when the process is out of descriptors.
package func signalPipe(_ signals: [Int32]) throws(ProgramError) -> Int32 {
  let descriptor = cs_signal_pipe()
  guard descriptor >= 0 else { throw .system("cannot watch signals", code: errno) }
  for signal in signals where cs_signal_divert(signal) != 0 {
    throw .system("cannot watch signal \(signal)", code: errno)
  }
  return descriptor
}

/// The next signal that waits in the pipe of ``signalPipe(_:)``, or `nil` when none does.
package func readSignal(from descriptor: Int32) -> Int32? {
  var number: UInt8 = 0
  while true {
    let count = read(descriptor, &number, 1)
    if count == 1 { return Int32(number) }
    if count < 0, errno == EINTR { continue }
    return nil
  }
}

/// Makes the kernel send this process SIGTERM when its parent dies (`--stop-with-parent`).
///
/// The parent-death signal of Linux, prctl(2), follows the *thread* that created this process, so the
/// parent must start its children on a thread that lives as long as the parent does. A parent that
/// died before the call is noticed by the change of the parent's id.
///
/// - Throws: ``ProgramError`` with status `interrupted` when the parent is already gone.
package func stopWithParent() throws(ProgramError) {
  let parent = getppid()
  guard cs_set_parent_death_signal(SIGTERM) == 0 else {
    throw .system("cannot watch the parent process", code: errno)
  }
  if getppid() != parent {
    throw ProgramError("the parent process ended", status: .interrupted)
  }
}
