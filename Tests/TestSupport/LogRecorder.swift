package import Logging
import Synchronization

/// Keeps what is logged. Any thread.
package final class LogRecorder: Sendable {
  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var logLevel: Logger.Level
    var metadata = Logger.Metadata()

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      recorder.lines.withLock {
        $0.append("\(event.level): \(event.message) \(event.metadata ?? [:])")
      }
    }
  }

  private let level: Logger.Level
  private let lines = Mutex<[String]>([])

  /// - Parameter level: the lowest that is kept.
  package init(from level: Logger.Level = .warning) { self.level = level }

  /// `LEVEL: MESSAGE METADATA`, in order.
  package var all: [String] { lines.withLock { $0 } }

  package func contains(_ text: String) -> Bool { all.contains { $0.contains(text) } }

  package var logger: Logger {
    Logger(label: "test") { _ in Handler(recorder: self, logLevel: self.level) }
  }
}
