/// Is told when a piece of work begins and ends, to measure how much there is of it. Any thread; must not block.
/// Times are nanoseconds of the monotonic clock.
package protocol WorkMeter: Sendable {
  func begin(at now: UInt64)
  func end(begunAt start: UInt64, at now: UInt64)
}

/// What is measured of a node's work; `nil` where nobody wants to know.
package struct WorkMeters: Sendable {
  /// Commands at the user function, from sending to the reply.
  package var functions: (any WorkMeter)?
  /// Batches at the store, from submission to their outcome.
  package var store: (any WorkMeter)?

  package init(functions: (any WorkMeter)? = nil, store: (any WorkMeter)? = nil) {
    self.functions = functions
    self.store = store
  }
}
