import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import GRPCTransport
import ReplicatedData
import ShardStore
import SwiftProtobuf

// What is stored of one entity.
extension DataReader {
  func entity(
    _ request: Cloudstate_Admin_EntityRequest
  ) throws(DataRefusal) -> Cloudstate_Admin_EntityState {
    let type = try types.find(request.type)
    let entity = EntityKey(persistenceID: type.persistenceID, entityID: request.entityID)
    var state = Cloudstate_Admin_EntityState()
    state.type = type.message
    state.entityID = request.entityID
    state.nodeID = nodeID.text
    if type.kind == .crdt {
      state.replica = try replica(of: entity)
      return state
    }
    let (shard, assignment) = try owned(entity.shardIndex(shardCount: shardCount))
    state.shard = shard.index
    state.epoch = assignment.epoch.number
    try refusing { () throws(StoreError) in try fill(&state, entity, in: shard) }
    try requireService(of: shard)
    guard state.lastSequence > 0 else { throw Self.unknown(entity) }
    return state
  }

  func events(
    _ request: Cloudstate_Admin_EntityEventsRequest
  ) throws(DataRefusal) -> Cloudstate_Admin_EntityEvents {
    let type = try types.find(request.type)
    let entity = EntityKey(persistenceID: type.persistenceID, entityID: request.entityID)
    guard type.kind != .crdt else {
      throw DataRefusal(
        .failedPrecondition,
        "\(type.serviceName) is replicated: its entities have a value and no events")
    }
    guard request.fromSequence >= 0, request.fromSequence < .max else {
      throw DataRefusal(.invalidArgument, "events are counted from 1")
    }
    let (shard, _) = try owned(entity.shardIndex(shardCount: shardCount))
    let from = SequenceNumber(max(1, request.fromSequence))
    let limit = request.limit == 0 ? Self.maximumPageEvents : Int(request.limit)
    let stored = try refusing { () throws(StoreError) in
      try store.events(
        of: entity, in: shard, after: SequenceNumber(from.number - 1),
        byteLimit: Self.maximumPageBytes)
    }
    var exists = !stored.isEmpty
    if !exists {
      // Behind the last event is a legal place; an entity without events is none.
      exists = try refusing { () throws(StoreError) in
        try !store.events(of: entity, in: shard, after: .none, byteLimit: 1).isEmpty
      }
    }
    try requireService(of: shard)
    guard exists else { throw Self.unknown(entity) }
    let page = stored.prefix(min(limit, Self.maximumPageEvents))
    return .with {
      $0.type = type.message
      $0.entityID = request.entityID
      $0.shard = shard.index
      $0.nodeID = nodeID.text
      $0.events = page.map(message)
      // A page that was cut short, or filled by its bytes, may have another behind it: the next one tells.
      $0.nextSequence = page.last.map { $0.sequence.next.number } ?? 0
    }
  }

  private static func unknown(_ entity: EntityKey) -> DataRefusal {
    DataRefusal(.notFound, "nothing is stored of entity \(entity)")
  }

  private func message(_ event: StoredEvent) -> Cloudstate_Admin_EntityEvent {
    .with {
      $0.sequence = event.sequence.number
      $0.timeUnixMilliseconds = event.time.unixMilliseconds
      $0.typeURL = event.payload.typeURL
      $0.payload = Data(event.payload.value)
      $0.json = json(event.payload.typeURL, event.payload.value) ?? ""
    }
  }

  private func fill(
    _ state: inout Cloudstate_Admin_EntityState, _ entity: EntityKey, in shard: ShardID
  ) throws(StoreError) {
    let snapshot = try store.snapshot(of: entity, in: shard)
    if let snapshot {
      state.snapshot = .with {
        $0.sequence = snapshot.sequence.number
        $0.typeURL = snapshot.payload.typeURL
        $0.payload = Data(snapshot.payload.value)
        $0.json = json(snapshot.payload.typeURL, snapshot.payload.value) ?? ""
      }
    }
    guard let last = try lastEvent(of: entity, in: shard, after: snapshot?.sequence ?? .none)
    else { return }
    state.lastSequence = last.sequence.number
    state.lastTimeUnixMilliseconds = last.time.unixMilliseconds
    state.lastEventTypeURL = last.payload.typeURL
    let first = try store.events(of: entity, in: shard, after: .none, byteLimit: 1).first
    state.firstTimeUnixMilliseconds = first?.time.unixMilliseconds ?? 0
  }

  /// The newest event, found by halving: sequences run without a gap, and journals may be long.
  ///
  /// - Parameter known: the sequence of an event that is there.
  private func lastEvent(
    of entity: EntityKey, in shard: ShardID, after known: SequenceNumber
  ) throws(StoreError) -> StoredEvent? {
    func event(_ sequence: Int64) throws(StoreError) -> StoredEvent? {
      try store.events(
        of: entity, in: shard, after: SequenceNumber(sequence - 1), byteLimit: 1
      ).first
    }
    var low = max(1, known.number)
    guard var found = try event(low) else { return nil }
    var step: Int64 = 1
    var high: Int64?
    while high == nil {
      let (next, overflows) = low.addingReportingOverflow(step)
      if !overflows, let later = try event(next) {
        (low, found) = (next, later)
        step = step.multipliedReportingOverflow(by: 2).partialValue
      } else {
        high = overflows ? .max : next
      }
    }
    while let end = high, end - low > 1 {
      let middle = low + (end - low) / 2
      if let later = try event(middle) {
        (low, found) = (middle, later)
      } else {
        high = middle
      }
    }
    return found
  }

  private func replica(
    of entity: EntityKey
  ) throws(DataRefusal) -> Cloudstate_Admin_ReplicaCopyState {
    let stored = try refusing { () throws(StoreError) in try store.replica(of: entity) }
    guard let stored else { throw Self.unknown(entity) }
    do throws(ReplicatedDataFormatError) {
      let state = try ReplicatedEntityState(parts: stored.parts)
      return .with {
        $0.bytes = UInt64(stored.parts.reduce(0) { $0 + $1.count })
        switch state {
        case .live(let value): $0.type = "\(value.kind)"
        case .deleted, nil: $0.deleted = true
        }
      }
    } catch {
      throw DataRefusal(.dataLoss, "the copy of entity \(entity) here cannot be trusted: \(error)")
    }
  }
}

extension ReplicatedEntityState {
  /// What the parts of a copy are together; `nil` without any.
  init?(parts: [[UInt8]]) throws(ReplicatedDataFormatError) {
    var merged: ReplicatedEntityState?
    for part in parts {
      let state = try ReplicatedEntityState(decoding: part)
      if merged == nil { merged = state } else { merged?.merge(state) }
    }
    guard let merged else { return nil }
    self = merged
  }
}
