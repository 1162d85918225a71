/// Bounds of an ``InProcessConnection``. Sizes are bytes.
package struct InProcessConfiguration: Sendable {
  /// The largest message taken in either direction; a larger one ends its call with RESOURCE_EXHAUSTED.
  /// Default 12 MiB, as for calls between processes.
  package var maximumMessageBytes = 12 * 1024 * 1024
  /// What may wait in each direction of a call before its sender is told to wait. Default 1 MiB, the
  /// window of a call between processes.
  package var windowBytes = 1 << 20
  /// What may wait in each direction of a call whose sender does not heed that; more ends the call with
  /// RESOURCE_EXHAUSTED. One message always fits. Default 64 MiB.
  package var maximumQueuedBytes = 64 * 1024 * 1024
  /// Messages delivered to one end of a call before the other end and other calls have their turn.
  /// Default 64.
  package var messagesPerTurn = 64
  /// Turns of calls before the event loop looks at its sockets and timers again. Default 256.
  package var turnsPerTick = 256

  /// All defaults.
  package init() {}
}
