/// What a tester throws for an error in the entity or in the test, never for an expected outcome.
public struct TesterFault: Error, CustomStringConvertible, Sendable {
  /// What is wrong, as the server would report it.
  public let description: String

  /// Turns the internal error into the public one.
  static func converting<Value>(
    _ body: () throws(EntityFault) -> Value
  ) throws(TesterFault) -> Value {
    do { return try body() } catch { throw TesterFault(description: error.description) }
  }
}
