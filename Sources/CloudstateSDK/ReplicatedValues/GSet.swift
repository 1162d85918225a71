import CloudstateProtocol

/// A set that only grows: the union of what all nodes have inserted.
public struct GSet<Element: ReplicatedElement>: StartsEmpty {
  /// All elements.
  public private(set) var elements: Set<Element> = []

  private var added: Set<Element> = []

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
    added.insert(element)
    return true
  }

  /// The difference of the value from an empty one.
  public func whole() throws(PayloadError) -> ReplicatedDelta { try delta(elements) }

  /// What changed since the value was last settled.
  public func change() throws(PayloadError) -> ReplicatedDelta? {
    added.isEmpty ? nil : try delta(added)
  }

  /// Takes a change that was made elsewhere.
  public mutating func apply(_ delta: ReplicatedDelta) throws(PayloadError) {
    guard case .gset(let change) = delta.message.delta else {
      throw delta.mismatch(with: "a GSet")
    }
    for element in change.added { elements.insert(try element.payload()) }
  }

  /// What changed is known to the sidecar.
  public mutating func settle() { added = [] }

  /// Takes back what changed since the value was last settled.
  public mutating func rollBack() {
    elements.subtract(added)
    added = []
  }

  private func delta(_ elements: Set<Element>) throws(PayloadError) -> ReplicatedDelta {
    var change = Cloudstate_Crdt_GSetDelta()
    change.added = try elements.encoded()
    return ReplicatedDelta(.gset(change))
  }
}
