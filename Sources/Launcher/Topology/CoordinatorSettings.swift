package import SettingsReading

/// What a topology says of its coordinators.
package struct CoordinatorSettings: Hashable, Sendable {
  /// The legal numbers of coordinators. One leads; more than this only wait longer.
  package static let legalCounts = 1...7

  /// Where the plan is kept when there are several coordinators.
  package struct Etcd: Hashable, Sendable {
    package enum Origin: Hashable, Sendable {
      /// Started by us, so many.
      case members(Int)
      /// Running already; endpoints as `cs-coordinator --etcd` takes them.
      case endpoints([String])
    }

    /// The legal numbers of members: an even number outlives no more losses than one less.
    package static let legalMembers = [1, 3, 5, 7]

    package var origin: Origin
    /// The first member's fixed port for clients. Its port for other members is the next one, and the other
    /// members' follow. `nil` takes free ones.
    package var port: Located<UInt16>?
    /// How long a leader may be silent.
    package var lease: Duration?
    /// For messages.
    package var location: SourceLocation
  }

  /// How many.
  package var count = 1
  /// The first one's fixed port on the bus; its publishing port is the next one, and the others' follow. `nil`
  /// takes free ports.
  package var port: Located<UInt16>?
  /// The fixed port of the first one's admin listener, the others' are the next ones; `nil` takes free ones.
  package var adminPort: Located<UInt16>?
  /// Whether plans wait for `cs-admin plan approve`.
  package var approvesPlans = false
  /// `nil` only where there is one coordinator, with a database of its own.
  package var etcd: Etcd?

  package init() {}

  /// The members of etcd that are started.
  package var etcdMembers: Int {
    if case .members(let count)? = etcd?.origin { count } else { 0 }
  }
}
