import Dispatch
import Glibc

/// Waits for SIGTERM or SIGINT and answers its number, or `nil` if the task was cancelled. Afterwards
/// the signals have their default effect again, so that a second one ends the process.
func firstStopSignal() async -> Int32? {
  let (signals, continuation) = AsyncStream.makeStream(
    of: Int32.self, bufferingPolicy: .bufferingOldest(1))
  let sources = [SIGTERM, SIGINT].map { number in
    // Dispatch sees a signal only if its default effect is off.
    signal(number, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler { continuation.yield(number) }
    source.resume()
    return source
  }
  defer {
    sources.forEach { $0.cancel() }
    signal(SIGTERM, SIG_DFL)
    signal(SIGINT, SIG_DFL)
  }
  for await number in signals { return number }
  return nil
}
