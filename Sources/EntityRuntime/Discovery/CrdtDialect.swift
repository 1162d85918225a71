import DynamicProtobuf

/// The two forms of the protocol of replicated entities, which share their service name.
package enum CrdtDialect: Hashable, Sendable {
  /// Since protocol 0.2 (protocol section 5).
  case current
  /// Before (section 9.4).
  case legacy

  /// Chooses by how the key fields of the entity's requests are marked, because released libraries report
  /// versions that do not tell (protocol section 9.2).
  ///
  /// - Parameters:
  ///   - options: the numbers of the options that mark the key fields.
  ///   - declared: the number that the function's own descriptors give to `entity_key`, if they do.
  ///   - reportsCurrentVersion: whether the function reports protocol 0.2.
  init(options: Set<Int32>, declared: Int32?, reportsCurrentVersion: Bool) {
    let number: Int32? = options.count == 1 ? options.first : declared
    switch number {
    case EntityKeyOption.current: self = .current
    case EntityKeyOption.legacy: self = .legacy
    default: self = reportsCurrentVersion ? .current : .legacy
    }
  }
}

/// The numbers of `(cloudstate.entity_key)` (protocol section 7.1); either marks a key field. Read by number,
/// whatever the user function's copy of the file calls them.
enum EntityKeyOption {
  static let current: Int32 = 1080
  /// Before protocol 0.2.
  static let legacy: Int32 = 50002
  static let all = [current, legacy]
}
