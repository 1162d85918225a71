package import Testing

/// Waits until `condition` holds and fails the test if it does not within `deadline`.
///
/// The condition is polled every few milliseconds: tests wait for what they want to see, never for a
/// fixed time.
package func eventually(
  _ what: String, within deadline: Duration = .seconds(10),
  sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + deadline
  while ContinuousClock.now < end {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(5))
  }
  if try await condition() { return }
  Issue.record("not within \(deadline): \(what)", sourceLocation: sourceLocation)
  throw DeadlinePassed(what: what)
}

/// A condition did not come true in time; ends the test that waited for it.
package struct DeadlinePassed: Error {
  package let what: String
}
