import CloudstateProtocol

/// A set from which elements can be removed. If one node inserts an element while another removes it,
/// it stays: a removal covers only insertions that its node had seen.
public struct ORSet<Element: ReplicatedElement>: StartsEmpty {
  /// All elements.
  public private(set) var elements: Set<Element> = []

  // Between two replies. Invariant: `added` is in `elements` and was not before, `removed` the other way
  // round; after a clear, `added` is all of `elements` and `removed` is empty.
  private var added: Set<Element> = []
  private var removed: Set<Element> = []
  /// What was in the set before it was cleared; `nil` if it was not.
  private var cleared: Set<Element>?

  /// No elements.
  public init() {}

  /// How many elements there are.
  public var count: Int { elements.count }

  /// Whether there are no elements.
  public var isEmpty: Bool { elements.isEmpty }

  /// Whether an element is in the set.
  public func contains(_ element: Element) -> Bool { elements.contains(element) }

  /// Adds an element; says whether it is new.
  @discardableResult
  public mutating func insert(_ element: Element) -> Bool {
    guard elements.insert(element).inserted else { return false }
    if removed.remove(element) == nil { added.insert(element) }
    return true
  }

  /// Removes an element; says whether it was there.
  @discardableResult
  public mutating func remove(_ element: Element) -> Bool {
    guard elements.remove(element) != nil else { return false }
    if added.remove(element) == nil { removed.insert(element) }
    return true
  }

  /// Removes all elements that this node knows of.
  public mutating func removeAll() {
    guard !elements.isEmpty else { return }
    if cleared == nil { cleared = elements.subtracting(added).union(removed) }
    elements = []
    added = []
    removed = []
  }

  /// The difference of the value from an empty one.
  public func whole() throws(PayloadError) -> ReplicatedDelta {
    var change = Cloudstate_Crdt_ORSetDelta()
    change.added = try elements.encoded()
    return ReplicatedDelta(.orset(change))
  }

  /// What changed since the value was last settled.
  public func change() throws(PayloadError) -> ReplicatedDelta? {
    guard cleared != nil || !added.isEmpty || !removed.isEmpty else { return nil }
    var change = Cloudstate_Crdt_ORSetDelta()
    change.cleared = cleared != nil
    change.removed = try removed.encoded()
    change.added = try added.encoded()
    return ReplicatedDelta(.orset(change))
  }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    guard case .orset(let change) = delta.message.delta else {
      throw delta.mismatch(with: "an ORSet")
    }
    if change.cleared { elements = [] }
    for element in change.removed { elements.remove(try element.payload()) }
    for element in change.added { elements.insert(try element.payload()) }
  }

  /// What changed is known to the sidecar.
  public mutating func settle() {
    added = []
    removed = []
    cleared = nil
  }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() {
    if let cleared {
      elements = cleared
    } else {
      elements.subtract(added)
      elements.formUnion(removed)
    }
    settle()
  }
}
