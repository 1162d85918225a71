/// What a map holds under a key.
///
/// Two replicas may add a key with values of different types without knowing of each other. Then both are
/// here, and the type with the lowest number is visible until the key is removed.
struct MapEntry: Hashable, Sendable {
  struct Slot: Hashable, Sendable {
    /// Renewed with every change of the value, so that a change wins over a removal that does not know of
    /// it, even a change that leaves no trace of its own.
    var presence = DotSet()
    var content: ReplicatedContent

    var kind: ReplicatedKind { content.kind }
    var isEmpty: Bool { presence.isEmpty && content.isEmpty }

    init(presence: DotSet, content: ReplicatedContent) {
      self.presence = presence
      self.content = content
    }

    init(emptyOf kind: ReplicatedKind) {
      self.init(presence: DotSet(), content: kind.emptyContent)
    }
  }

  /// Invariant: the slots ascend by kind, and none is empty.
  private(set) var slots: [Slot] = []

  var isEmpty: Bool { slots.isEmpty }
  var visibleKind: ReplicatedKind? { visibleContent?.kind }
  var visibleContent: ReplicatedContent? { slots.first?.content }

  func forEachDot(_ body: (Dot) -> Void) {
    for slot in slots {
      slot.presence.forEachDot(body)
      slot.content.forEachDot(body)
    }
  }

  @discardableResult
  mutating func drop(_ dots: CausalContext) -> Int {
    var count = 0
    for index in slots.indices {
      count += slots[index].presence.drop(dots)
      count += slots[index].content.drop(dots)
    }
    if count > 0 { slots.removeAll(where: \.isEmpty) }
    return count
  }

  mutating func take(_ other: MapEntry, known: CausalContext) {
    for slot in other.slots {
      let index = makeSlot(of: slot.kind)
      slots[index].presence.take(slot.presence, known: known)
      slots[index].content.take(slot.content, known: known)
      if slots[index].isEmpty { slots.remove(at: index) }
    }
  }

  /// Undoes all changes that the mutation has seen.
  mutating func reset(_ mutation: inout Mutation) {
    var seen: [Dot] = []
    forEachDot { if mutation.sees($0) { seen.append($0) } }
    drop(CausalContext(seen))
    for dot in seen { mutation.drop(dot) }
  }

  /// Changes the value of the delta's type, which is created if it is missing, and answers the traces.
  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> MapEntry {
    let index = makeSlot(of: delta.kind)
    slots[index].presence.renew(&mutation)
    let content = slots[index].content.apply(delta, &mutation)
    var fragment = MapEntry()
    fragment.append(Slot(presence: slots[index].presence, content: content))
    return fragment
  }

  /// Adds a slot that comes behind all others and is not empty.
  mutating func append(_ slot: Slot) { slots.append(slot) }

  /// The index of the slot, which is empty if it is new.
  private mutating func makeSlot(of kind: ReplicatedKind) -> Int {
    let index = slots.firstIndex { $0.kind >= kind } ?? slots.count
    if index == slots.count || slots[index].kind != kind {
      slots.insert(Slot(emptyOf: kind), at: index)
    }
    return index
  }
}
