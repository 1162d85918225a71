public import ArgumentParser
import SettingsReading

extension Duration: @retroactive ExpressibleByArgument {
  /// Reads an option's value; see ``init(text:)``.
  public init?(argument: String) {
    guard let value = try? Duration(text: argument) else { return nil }
    self = value
  }

  /// How help texts print a default.
  public var defaultValueDescription: String { text }
}
