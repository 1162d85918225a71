/// The name of a method, such as `"example.Counter/Add"`: where a forward or an effect goes. The
/// service must be hosted by the same server.
///
/// ```swift
/// extension ServiceMethod {
///   static let add: ServiceMethod = "example.Counter/Add"
/// }
/// ```
public struct ServiceMethod: Hashable, Sendable, ExpressibleByStringLiteral,
  CustomStringConvertible
{
  /// The name as written.
  public let description: String

  /// Takes a name of the form `package.Service/Method`. Another form breaks the command that sends
  /// something there, with a message that says so.
  public init(_ name: String) { self.description = name }

  /// Takes a name of the form `package.Service/Method`.
  public init(stringLiteral name: String) { self.init(name) }

  /// The full name of the service and the short one of the method.
  func parts() throws(EntityFault) -> (service: String, method: String) {
    let parts = description.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      throw EntityFault(
        "'\(description)' is not the name of a method: write it like example.Counter/Add.")
    }
    return (String(parts[0]), String(parts[1]))
  }
}
