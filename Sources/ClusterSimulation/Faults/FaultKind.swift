/// What can go wrong, or be asked for, while a cluster is simulated.
enum FaultKind: CaseIterable {
  case crashNode, crashTwo, crashAll, pauseNode, slowDisk, stallDisk, diskFault, functionGone
  case crashCoordinator, pauseCoordinator, slowCoordinator, crashOffering
  case isolateNode, isolateByAndBy, cutFromCoordinator, cutPair, cutOneWay, slowLink, lossyLink
  case resign, revokeLeader, breakWatches, etcdAway, cutFromEtcd, cutFromNodes
  case move, addCopy, removeCopy, drain, undrain, join, leave

  /// How often it is drawn in a simulation, against the others.
  func weight(in settings: SimulationSettings) -> Int {
    isOfElections && settings.coordination == .single ? 0 : weight(in: settings.profile)
  }

  private func weight(in profile: Profile) -> Int {
    switch profile {
    case .calm: 0
    case .crashes: isCrash ? crashWeight : self == .move ? 1 : 0
    case .partitions: isPartition ? 4 : self == .move ? 1 : 0
    case .moves: isMove ? moveWeight : self == .crashNode || self == .crashCoordinator ? 1 : 0
    case .everything: isCrash ? crashWeight : isPartition ? 3 : moveWeight
    }
  }

  /// Whether it takes several coordinators.
  private var isOfElections: Bool {
    switch self {
    case .resign, .revokeLeader, .breakWatches, .etcdAway, .cutFromEtcd, .cutFromNodes: true
    default: false
    }
  }

  private var isCrash: Bool {
    switch self {
    case .crashNode, .crashTwo, .crashAll, .pauseNode, .slowDisk, .stallDisk, .diskFault,
      .functionGone, .crashCoordinator, .pauseCoordinator, .slowCoordinator, .crashOffering,
      .resign, .revokeLeader, .breakWatches, .etcdAway:
      true
    default: false
    }
  }

  private var isPartition: Bool {
    switch self {
    case .isolateNode, .isolateByAndBy, .cutFromCoordinator, .cutPair, .cutOneWay, .slowLink,
      .lossyLink, .cutFromEtcd, .cutFromNodes:
      true
    default: false
    }
  }

  private var isMove: Bool { !isCrash && !isPartition }

  private var crashWeight: Int {
    switch self {
    case .crashNode: 6
    case .pauseNode: 4
    case .crashAll, .crashTwo, .diskFault, .resign, .revokeLeader, .breakWatches: 1
    default: 2
    }
  }

  private var moveWeight: Int {
    switch self {
    case .move: 8
    case .addCopy, .removeCopy: 2
    default: 1
    }
  }
}
