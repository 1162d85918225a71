import CloudstateProtocol
import DynamicProtobuf
import SwiftProtobuf

/// Reads `(cloudstate.eventing)` of methods (protocol section 7.1). What cannot be served is refused: a
/// subscription that is never called, or a reply that is never published, would be noticed too late.
struct EventingReader {
  /// Read by number, whatever the user function's copy of the file calls it.
  private static let eventingOption: Int32 = 1081

  /// What a method consumes; `nil` for a method that only clients call.
  ///
  /// - Throws: rows 14 and 16 to 18 of proxy behaviour, section 3.
  static func subscription(
    of method: MethodDescriptor, in service: ServiceDescriptor
  ) throws(DiscoveryError) -> EventSubscription? {
    guard let bytes = method.messageOption(eventingOption) else { return nil }
    guard let eventing = try? Cloudstate_Eventing(serializedBytes: bytes) else {
      throw DiscoveryError(
        "Service call [\(method.name)] of service [\(service.fullName)] has an unreadable "
          + "(cloudstate.eventing) option; compile its file with cloudstate/eventing.proto")
    }
    if eventing.hasOut { try check(eventing.out, beside: eventing.in, of: method) }
    return eventing.hasIn ? try subscription(eventing.in, of: method, in: service) : nil
  }

  private static func check(
    _ destination: Cloudstate_EventDestination, beside source: Cloudstate_EventSource,
    of method: MethodDescriptor
  ) throws(DiscoveryError) {
    guard !destination.topic.isEmpty else {
      throw DiscoveryError("Service call [\(method.name)] has declared an event out with no topic.")
    }
    guard source.topic != destination.topic else {
      throw DiscoveryError(
        "Endpoint [\(method.name)] has the same input topic as output topic [\(destination.topic)], "
          + "this is not allowed.")
    }
    throw DiscoveryError(
      "Service call [\(method.name)] declares an event destination topic of [\(destination.topic)], "
        + "but no topic support is configured.")
  }

  private static func subscription(
    _ source: Cloudstate_EventSource, of method: MethodDescriptor, in service: ServiceDescriptor
  ) throws(DiscoveryError) -> EventSubscription {
    let name = "Service call [\(method.name)] of service [\(service.fullName)]"
    switch source.source {
    case .eventLog(let log) where !log.isEmpty:
      return EventSubscription(
        group: source.consumerGroup.isEmpty ? service.fullName : source.consumerGroup,
        eventLog: log)
    case .topic(let topic) where !topic.isEmpty:
      throw DiscoveryError(
        "\(name) declares an event source topic of [\(topic)], but no topic support is configured; "
          + "event logs of entities can be consumed.")
    case .eventLog, .topic, nil:
      throw DiscoveryError(
        "\(name) has declared an event in with no source; name an event_log, which is the "
          + "persistence_id of an entity.")
    }
  }
}
