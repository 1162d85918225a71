import Synchronization

/// What a user function was told.
final class Reports: Sendable {
  private let all = Mutex<[String]>([])

  var texts: [String] { all.withLock { $0 } }

  func add(_ text: String) { all.withLock { $0.append(text) } }
}
