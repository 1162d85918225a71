/// The store of a value, of whichever type.
enum ReplicatedContent: Hashable, Sendable {
  case gcounter(GCounter)
  case pncounter(PNCounter)
  case gset(GSet)
  case orset(ORSet)
  case lwwregister(LWWRegister)
  case flag(Flag)
  case ormap(ORMap)
  case vote(Vote)

  private var store: any CausalStore {
    switch self {
    case .gcounter(let store): store
    case .pncounter(let store): store
    case .gset(let store): store
    case .orset(let store): store
    case .lwwregister(let store): store
    case .flag(let store): store
    case .ormap(let store): store
    case .vote(let store): store
    }
  }

  var kind: ReplicatedKind {
    switch self {
    case .gcounter: .gcounter
    case .pncounter: .pncounter
    case .gset: .gset
    case .orset: .orset
    case .lwwregister: .lwwregister
    case .flag: .flag
    case .ormap: .ormap
    case .vote: .vote
    }
  }

  var isEmpty: Bool { store.isEmpty }
  var dots: CausalContext { store.dots }

  func forEachDot(_ body: (Dot) -> Void) { store.forEachDot(body) }

  func functionValue(in electorate: Electorate) -> FunctionValue {
    store.functionValue(in: electorate)
  }

  @discardableResult
  mutating func drop(_ dots: CausalContext) -> Int {
    var count = 0
    func drop<Store: CausalStore>(_ type: Store.Type) {
      Store.change(&self) { count = $0.drop(dots) }
    }
    drop(kind.storeType)
    return count
  }

  /// Removes the traces of `dots` that lie under the elements or keys of `part`, and answers how many
  /// there were.
  mutating func drop(_ dots: CausalContext, under part: ReplicatedContent) -> Int {
    var count = 0
    func drop<Store: CausalStore>(_ type: Store.Type) {
      guard let part = Store.unwrap(part) else { return }
      Store.change(&self) { count = $0.drop(dots, under: part) }
    }
    drop(kind.storeType)
    return count
  }

  /// Content of another type is left out.
  mutating func take(_ other: ReplicatedContent, known: CausalContext) {
    func take<Store: CausalStore>(_ type: Store.Type) {
      guard let theirs = Store.unwrap(other) else { return }
      Store.change(&self) { $0.take(theirs, known: known) }
    }
    take(kind.storeType)
  }

  /// A delta of another type changes nothing.
  mutating func apply(_ delta: FunctionDelta, _ mutation: inout Mutation) -> ReplicatedContent {
    var fragment = kind.emptyContent
    func apply<Store: CausalStore>(_ type: Store.Type) {
      Store.change(&self) { fragment = $0.apply(delta, &mutation).wrapped }
    }
    apply(kind.storeType)
    return fragment
  }

  func encode(into writer: inout ByteWriter) { store.encode(into: &writer) }

  init(
    _ kind: ReplicatedKind, from reader: inout ByteReader
  ) throws(ReplicatedDataFormatError) {
    self = try kind.storeType.init(from: &reader).wrapped
  }
}

extension CausalStore {
  /// Changes the store in its place. It is taken out of the enumeration first: otherwise there would be two
  /// references to its contents, and every change would copy all of them.
  fileprivate static func change(_ content: inout ReplicatedContent, _ body: (inout Self) -> Void) {
    guard var store = unwrap(content) else { return }
    content = .flag(Flag())
    body(&store)
    content = store.wrapped
  }
}
