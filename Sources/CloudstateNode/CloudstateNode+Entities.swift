import ClusterControl
import EntityRuntime
import Logging
import NIOCore

// How the entities of a node are set.
extension CloudstateNode {
  /// The settings of the function's entities, and the event loops that their shards live on.
  func entitySettings(
    _ spec: ServiceSpec, damage: DamageReports, meters: NodeMeters, loops: [any EventLoop]
  ) -> (EntityRuntimeConfiguration, [any EventLoop]) {
    var settings = configuration.entities
    settings.maximumStreams = maximumStreams(of: spec)
    if let maximum = settings.maximumStreams {
      logger.info("at most \(maximum) entities of a kind are active at once")
    }
    settings.usesSnapshots = SnapshotSupport.restoresSnapshots(spec.info)
    if !settings.usesSnapshots {
      logger.info("the function's library cannot restore snapshots: journals are replayed whole")
    }
    settings.valueEntities = Set(
      spec.entities.filter { $0.kind == .valueEntity }.map(\.serviceName))
    for entity in spec.entities {
      settings.passivationTimeouts[entity.serviceName] = entity.passivationTimeout
    }
    settings.meters = meters.work
    settings.foundDamage = { damage.found($0, $1) }
    return (settings, Array(loops.prefix(settings.usedLoops(of: loops.count))))
  }

  /// How many streams of the user function the entities of one kind may hold. A limited function shares them
  /// evenly between those that have shards and those that are replicated.
  func maximumStreams(of spec: ServiceSpec) -> Int? {
    let limit = configuration.maximumStreams ?? StreamCapTable.maximumStreams(of: spec.info)
    let kinds = Set(spec.entities.map(\.kind))
    let hasBoth =
      kinds.contains(.crdt) && (kinds.contains(.eventSourced) || kinds.contains(.valueEntity))
    return limit.map { hasBoth ? max(1, $0 / 2) : $0 }
  }
}
