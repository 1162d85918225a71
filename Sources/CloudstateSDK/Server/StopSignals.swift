import CLinux
import Dispatch
import Glibc

/// SIGTERM and SIGINT as something to wait for. For the one ``CloudstateServer/run()`` of a process:
/// signal handlers belong to the whole process.
///
/// The signals go through a pipe, so that none is missed between ``init()`` and ``first()``; a
/// dispatch source for signals would lose one that comes before it is fully registered.
struct StopSignals {
  private static let numbers = [SIGTERM, SIGINT]
  private let pipe: Int32

  /// From now on the signals do not end the process.
  ///
  /// - Throws: ``CloudstateServer/ConfigurationError`` when the process is out of descriptors.
  init() throws(CloudstateServer.ConfigurationError) {
    pipe = cs_signal_pipe()
    guard pipe >= 0, Self.numbers.allSatisfy({ cs_signal_divert($0) == 0 }) else {
      throw CloudstateServer.ConfigurationError(problems: [
        "The server cannot watch for stop signals (errno \(errno))."
      ])
    }
  }

  /// Waits for the first signal and answers its number, or `nil` if the task was cancelled.
  func first() async -> Int32? {
    let (signals, continuation) = AsyncStream.makeStream(
      of: Int32.self, bufferingPolicy: .bufferingOldest(1))
    let source = DispatchSource.makeReadSource(fileDescriptor: pipe)
    source.setEventHandler { [pipe] in
      var number: UInt8 = 0
      while read(pipe, &number, 1) == 1 { continuation.yield(Int32(number)) }
    }
    source.activate()
    defer { source.cancel() }
    for await number in signals { return number }
    return nil
  }

  /// Gives the signals their default effect: the next one ends the process.
  func restore() {
    for number in Self.numbers { signal(number, SIG_DFL) }
  }
}
