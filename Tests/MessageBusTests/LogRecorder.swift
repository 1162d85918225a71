import Logging
import Synchronization

/// Keeps what is logged at level warning and above.
final class LogRecorder: Sendable {
  private let lines = Mutex<[String]>([])

  /// Messages with their metadata.
  var all: [String] { lines.withLock { $0 } }

  func contains(_ text: String) -> Bool { all.contains { $0.contains(text) } }

  var logger: Logger {
    var logger = Logger(label: "bus") { _ in Handler(recorder: self) }
    logger.logLevel = .warning
    return logger
  }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var logLevel = Logger.Level.warning
    var metadata = Logger.Metadata()

    init(recorder: LogRecorder) { self.recorder = recorder }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      recorder.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
    }
  }
}
