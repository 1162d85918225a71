package import CloudstateModel

/// One client-facing method of a service of the user function.
package struct IngressRoute: Sendable {
  /// Who runs the method's commands.
  package enum Target: Sendable {
    /// The instance named by a serialized request (proxy behaviour, section 4.3).
    case entity(persistenceID: String, entityID: EntityIDReader)
    /// The same, with one request and a stream of responses.
    case entityStream(persistenceID: String, entityID: EntityIDReader)
    case action(ActionShape)

    /// Whether a call may go on without end.
    var isStream: Bool {
      switch self {
      case .entity: false
      case .entityStream: true
      case .action(let shape): shape != .unary
      }
    }
  }

  package typealias EntityIDReader = @Sendable (UnsafeRawBufferPointer) throws -> String

  package var serviceName: String
  package var method: String
  package var target: Target
  /// `type.googleapis.com/` and the declared input type.
  package var inputTypeURL: String
  /// `type.googleapis.com/` and the declared output type; replies of another type are reported.
  package var outputTypeURL: String

  package init(
    serviceName: String, method: String, target: Target, inputTypeURL: String,
    outputTypeURL: String
  ) {
    self.serviceName = serviceName
    self.method = method
    self.target = target
    self.inputTypeURL = inputTypeURL
    self.outputTypeURL = outputTypeURL
  }

  /// `/package.Service/Method`.
  package var path: String { "/\(serviceName)/\(method)" }
}
