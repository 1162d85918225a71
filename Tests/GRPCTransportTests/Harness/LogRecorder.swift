import Logging
import Synchronization

/// Keeps what was logged.
final class LogRecorder: Sendable {
  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      recorder.lines.withLock { $0.append("\(event.level): \(event.message)") }
    }
  }

  private let lines = Mutex<[String]>([])

  /// `LEVEL: MESSAGE`, in order.
  var all: [String] { lines.withLock { $0 } }

  var logger: Logger { Logger(label: "test") { _ in Handler(recorder: self) } }
}
