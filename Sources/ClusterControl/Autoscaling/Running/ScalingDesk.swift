import CloudstateModel
import NIOCore

/// What the shell knows of one service's scaling. On the coordinator's loop.
struct ScalingDesk {
  /// Records that may wait for the disk; when there are more, what waits is dropped and a new file begun.
  private static let maximumWaiting = 20_000

  let scaler: any Scaler
  /// `nil` where nothing is recorded.
  let recorder: ScaleRecorder?
  var ticks: RepeatedTask?

  /// What the scaler last reported.
  var deployment: DeploymentScale?
  private var observedAt: Duration?
  /// What to ask for as soon as the scaler is free.
  var wanted: ScaleRequest?
  /// What the scaler is at work on.
  var work: Task<Void, Never>?
  /// Why the scaler failed last; `nil` after a success.
  private(set) var failure: String?

  private var waiting: [AutoscalerRecord] = []
  /// The next records begin a file.
  private var begins = true
  private var isWriting = false
  private var written = 0

  init(scaler: any Scaler, recorder: ScaleRecorder?) {
    self.scaler = scaler
    self.recorder = recorder
  }

  func mustObserve(at now: Duration, every period: Duration) -> Bool {
    observedAt.map { now - $0 >= period } ?? true
  }

  mutating func observed(_ deployment: DeploymentScale, at now: Duration) {
    self.deployment = deployment
    observedAt = now
    failure = nil
  }

  /// The scale that was asked for may be another one now.
  mutating func requested() {
    observedAt = nil
    failure = nil
  }

  /// - Returns: whether that is news.
  mutating func failed(_ reason: String, isObserving: Bool, at now: Duration) -> Bool {
    // What was seen before may not be true any more; and it is not asked again at once.
    if isObserving { deployment = nil }
    observedAt = now
    defer { failure = reason }
    return failure != reason
  }

  // MARK: Recording

  mutating func record(_ records: [AutoscalerRecord]) {
    guard recorder != nil else { return }
    waiting += records
    guard waiting.count > Self.maximumWaiting else { return }
    waiting = []
    begins = true
  }

  /// What is to be written now, if anything; ``wrote(_:)`` follows.
  ///
  /// - Parameter start: with which a file would begin. It is the state after all that waits, so with a file that begins
  ///   what waits is left out.
  mutating func nextWrite(start: AutoscalerRecord) -> (records: [AutoscalerRecord], begins: Bool)? {
    guard recorder != nil, !isWriting else { return nil }
    if begins || written >= ScaleRecorder.recordsPerFile {
      isWriting = true
      begins = false
      written = 1
      waiting = []
      return ([start], true)
    }
    guard !waiting.isEmpty else { return nil }
    isWriting = true
    defer { waiting = [] }
    written += waiting.count
    return (waiting, false)
  }

  mutating func wrote(_ isDone: Bool) {
    isWriting = false
    if !isDone { begins = true }
  }
}
