/// The types of replicated data, with their field numbers in `CrdtDelta`. The numbers are part of the stored
/// form, and where types clash the lowest one stays.
package enum ReplicatedKind: UInt8, Hashable, Sendable, CaseIterable, Comparable {
  case gcounter = 1
  case pncounter = 2
  case gset = 3
  case orset = 4
  case lwwregister = 5
  case flag = 6
  case ormap = 7
  case vote = 8

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  var storeType: any CausalStore.Type {
    switch self {
    case .gcounter: GCounter.self
    case .pncounter: PNCounter.self
    case .gset: GSet.self
    case .orset: ORSet.self
    case .lwwregister: LWWRegister.self
    case .flag: Flag.self
    case .ormap: ORMap.self
    case .vote: Vote.self
    }
  }

  var emptyContent: ReplicatedContent { storeType.init().wrapped }
}
