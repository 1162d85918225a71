/// What a topology says of its coordinator.
package struct CoordinatorSettings: Hashable, Sendable {
  /// Its fixed port on the bus; its publishing port is the next one. `nil` takes free ports.
  package var port: Located<UInt16>?
  /// The fixed port of its admin listener; `nil` takes a free one.
  package var adminPort: Located<UInt16>?
  /// Whether plans wait for `cs-admin plan approve`.
  package var approvesPlans = false

  package init() {}
}
