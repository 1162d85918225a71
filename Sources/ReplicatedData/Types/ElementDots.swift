/// The elements of a set, each with the dots of the changes that added it. An element without a dot is not
/// in the set.
struct ElementDots: Hashable, Sendable {
  private(set) var dots: [DataElement: DotSet] = [:]

  var isEmpty: Bool { dots.isEmpty }
  var elements: Set<DataElement> { Set(dots.keys) }

  func contains(_ element: DataElement) -> Bool { dots[element] != nil }

  func forEachDot(_ body: (Dot) -> Void) {
    for set in dots.values { set.forEachDot(body) }
  }

  mutating func drop(_ dropped: CausalContext) -> Int {
    var count = 0
    var emptied: [DataElement] = []
    var index = dots.startIndex
    while index != dots.endIndex {
      count += dots.values[index].drop(dropped)
      if dots.values[index].isEmpty { emptied.append(dots.keys[index]) }
      dots.formIndex(after: &index)
    }
    for element in emptied { dots[element] = nil }
    return count
  }

  mutating func drop(_ dropped: CausalContext, under part: ElementDots) -> Int {
    var count = 0
    for element in part.dots.keys {
      count += dots[element]?.drop(dropped) ?? 0
      if dots[element]?.isEmpty == true { dots[element] = nil }
    }
    return count
  }

  mutating func take(_ other: ElementDots, known: CausalContext) {
    for (element, set) in other.dots {
      dots[element, default: DotSet()].take(set, known: known)
      if dots[element]?.isEmpty == true { dots[element] = nil }
    }
  }

  /// Adds the element anew.
  mutating func add(_ element: DataElement, _ mutation: inout Mutation) {
    dots[element, default: DotSet()].renew(&mutation)
  }

  /// Removes what the mutation has seen of the element.
  mutating func remove(_ element: DataElement, _ mutation: inout Mutation) {
    guard let set = dots[element] else { return }
    var rest = set
    for entry in set.entries where mutation.sees(entry.dot) {
      rest[entry.dot] = nil
      mutation.drop(entry.dot)
    }
    dots[element] = rest.isEmpty ? nil : rest
  }

  /// This set's dots for the given elements only.
  func restricted(to elements: some Sequence<DataElement>) -> ElementDots {
    var part = ElementDots()
    for element in elements { part.dots[element] = dots[element] }
    return part
  }

  func encode(into writer: inout ByteWriter) {
    writer.append(number: UInt64(dots.count))
    for (element, set) in dots.sorted(by: { $0.key < $1.key }) {
      writer.append(element)
      set.encode(into: &writer)
    }
  }

  init() {}

  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    var previous: DataElement?
    for _ in 0..<(try reader.count()) {
      let element = try reader.element(after: previous)
      dots[element] = try DotSet(nonemptyFrom: &reader)
      previous = element
    }
  }
}

/// A type whose whole state is elements with their dots.
protocol ElementStore: CausalStore {
  var content: ElementDots { get set }
}

extension ElementStore {
  var isEmpty: Bool { content.isEmpty }
  func forEachDot(_ body: (Dot) -> Void) { content.forEachDot(body) }
  mutating func drop(_ dots: CausalContext) -> Int { content.drop(dots) }
  mutating func drop(_ dots: CausalContext, under part: Self) -> Int {
    content.drop(dots, under: part.content)
  }
  mutating func take(_ other: Self, known: CausalContext) {
    content.take(other.content, known: known)
  }
  func encode(into writer: inout ByteWriter) { content.encode(into: &writer) }

  init(from reader: inout ByteReader) throws(ReplicatedDataFormatError) {
    self.init()
    content = try ElementDots(from: &reader)
  }
}
