/// Decides, pure, whether a client still takes what it is sent. Asked now and then.
struct OutputWatch {
  private var pendingSince: Int?

  /// - Parameters:
  ///   - written: bytes handed to the socket's queue since the beginning.
  ///   - queued: bytes of them that the client's side has not taken.
  /// - Returns: `true` when something was queued at the last look already and nothing was taken since.
  mutating func isStuck(written: Int, queued: Int) -> Bool {
    let taken = written - queued
    guard queued > 0 else {
      pendingSince = nil
      return false
    }
    defer { pendingSince = taken }
    guard let pendingSince else { return false }
    return taken <= pendingSince
  }
}
