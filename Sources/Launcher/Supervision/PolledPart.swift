import Glibc

/// A part of the supervisor that waits for descriptors in the one `poll` of ``SupervisionLoop``.
protocol PolledPart: AnyObject {
  /// What it waits for now.
  func pollEntries() -> [pollfd]
  /// Called after every wait with the entries of ``pollEntries()`` as `poll` left them.
  ///
  /// - Parameter now: since the start of the loop.
  func react(to entries: ArraySlice<pollfd>, at now: Duration)
  /// When it wants to be called at the latest, even if nothing comes.
  var deadline: Duration? { get }
}

extension pollfd {
  /// Whether the wait for it is over, be it with an error.
  var isDue: Bool { revents != 0 }
}
