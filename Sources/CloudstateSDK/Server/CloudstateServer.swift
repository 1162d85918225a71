/// A user function: hosts entities for a Cloudstate sidecar.
public struct CloudstateServer: Sendable {
  private let descriptors: [UInt8]
  private let entities: [HostedEntity]
  private let configuration: Configuration?

  public init(
    descriptors: [UInt8], entities: [any EventSourcedEntity.Type],
    configuration: Configuration? = nil
  ) {
    self.descriptors = descriptors
    self.entities = entities.map { HostedEntity($0) }
    self.configuration = configuration
  }

  public func run() async throws {}
}
