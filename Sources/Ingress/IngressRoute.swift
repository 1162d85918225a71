/// One client-facing method of an entity.
package struct IngressRoute: Sendable {
  package var serviceName: String
  package var method: String
  package var persistenceID: String
  /// `type.googleapis.com/` and the declared input type.
  package var inputTypeURL: String
  /// `type.googleapis.com/` and the declared output type; replies of another type are reported.
  package var outputTypeURL: String
  /// Reads the entity id from a serialized request (proxy behaviour, section 4.3).
  package var entityID: @Sendable (UnsafeRawBufferPointer) throws -> String

  package init(
    serviceName: String, method: String, persistenceID: String, inputTypeURL: String,
    outputTypeURL: String, entityID: @escaping @Sendable (UnsafeRawBufferPointer) throws -> String
  ) {
    self.serviceName = serviceName
    self.method = method
    self.persistenceID = persistenceID
    self.inputTypeURL = inputTypeURL
    self.outputTypeURL = outputTypeURL
    self.entityID = entityID
  }

  /// `/package.Service/Method`.
  package var path: String { "/\(serviceName)/\(method)" }
}
