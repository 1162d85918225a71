extension FunctionDelta {
  /// Throws what is wrong with this delta from a function, before any of it takes effect.
  ///
  /// - Parameter content: what it is going to change; `nil` where it creates a value.
  func validate(
    against content: ReplicatedContent?, mutation: Mutation, depth: Int = 1
  ) throws(ReplicatedDataError) {
    guard depth <= ReplicatedLimits.maximumDepth else { throw .tooDeep }
    switch self {
    case .gcounter(let increment):
      guard increment <= UInt64(Int64.max) else { throw .negativeIncrement(increment) }
    case .flag(false):
      if case .flag(let flag) = content, flag.isOn(for: mutation) { throw .flagSwitchedOff }
    case .ormap(let map):
      var existing: ORMap?
      if case .ormap(let store) = content { existing = store }
      try map.validate(against: existing, mutation: mutation, depth: depth)
    case .pncounter, .gset, .orset, .lwwregister, .flag, .vote:
      break
    }
  }
}

extension MapDelta {
  fileprivate func validate(
    against map: ORMap?, mutation: Mutation, depth: Int
  ) throws(ReplicatedDataError) {
    let gone = updated.isEmpty ? [] : Set(removed)
    for update in updated {
      var content = map?.entries[update.key]?.visibleContent
      if cleared || gone.contains(update.key) || content?.kind != update.delta.kind {
        content = nil
      }
      try update.delta.validate(against: content, mutation: mutation, depth: depth + 1)
    }
    for addition in added {
      try addition.delta.validate(against: nil, mutation: mutation, depth: depth + 1)
    }
  }
}
