/// That a method consumes the events of an event log (protocol section 7.2).
package struct EventSubscription: Hashable, Sendable {
  /// As declared, or the full name of the method's service.
  package let group: String
  /// The persistence id of the entity whose events are consumed.
  package let eventLog: String
}
