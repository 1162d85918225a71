/// A duration that is kept in whole milliseconds and written as their number.
@propertyWrapper
package struct Milliseconds: Hashable, Sendable, Codable {
  package var wrappedValue: Duration {
    didSet { wrappedValue = .milliseconds(wrappedValue.wholeMilliseconds) }
  }

  package init(wrappedValue: Duration) {
    self.wrappedValue = .milliseconds(wrappedValue.wholeMilliseconds)
  }

  package init(from decoder: any Decoder) throws {
    wrappedValue = .milliseconds(try decoder.singleValueContainer().decode(Int64.self))
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue.wholeMilliseconds)
  }
}
