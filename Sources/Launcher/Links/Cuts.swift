/// Which traffic between members of the bus is held up.
///
/// A pure value. Traffic has a direction: a cut from `a` to `b` lets everything from `b` to `a` pass.
package struct Cuts: Hashable, Sendable {
  /// The way from one member to another; `nil` stands for every other member, also one that joins
  /// later.
  package struct Way: Hashable, Sendable {
    package var source: String?
    package var target: String?
  }

  package private(set) var ways: Set<Way> = []

  package init() {}

  package var isEmpty: Bool { ways.isEmpty }

  package func holds(from source: String, to target: String) -> Bool {
    ways.contains(Way(source: source, target: target))
      || ways.contains(Way(source: nil, target: target))
      || ways.contains(Way(source: source, target: nil))
  }

  /// Whether anything is cut at a member itself, as opposed to the ways of others to it.
  package func concerns(_ member: String) -> Bool {
    ways.contains { $0.source == member || $0.target == member }
  }

  /// Cuts a member off.
  ///
  /// - Parameter peers: only towards these; `nil` means everybody.
  package mutating func cut(
    _ member: String, _ direction: ControlRequest.Direction, peers: [String]?
  ) {
    let others: [String?] = peers.map { $0 } ?? [nil]
    for other in others {
      if direction != .outgoing { ways.insert(Way(source: other, target: member)) }
      if direction != .incoming { ways.insert(Way(source: member, target: other)) }
    }
  }

  /// Takes back what is cut at a member.
  ///
  /// - Parameters:
  ///   - peers: only towards these; `nil` means everybody.
  ///   - members: all that there are now: to all but `peers` what was cut stays cut.
  package mutating func heal(_ member: String, peers: [String]?, members: [String]) {
    guard let peers else {
      ways = ways.filter { $0.source != member && $0.target != member }
      return
    }
    let others = members.filter { $0 != member }
    if ways.remove(Way(source: nil, target: member)) != nil {
      for other in others { ways.insert(Way(source: other, target: member)) }
    }
    if ways.remove(Way(source: member, target: nil)) != nil {
      for other in others { ways.insert(Way(source: member, target: other)) }
    }
    for peer in peers {
      ways.remove(Way(source: peer, target: member))
      ways.remove(Way(source: member, target: peer))
    }
  }

  package mutating func healAll() { ways = [] }
}
