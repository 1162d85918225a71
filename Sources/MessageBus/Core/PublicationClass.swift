import CloudstateModel

/// The part of a subject by which publications are numbered and filtered between nodes: its first three
/// tokens, such as `cs.evt.cart`, or all of a shorter subject.
///
/// A publisher numbers each class by itself, and a node asks a peer for whole classes or for none of a
/// class. So a node sees every number of a class it wants, a jump on the wire always is a loss, and no
/// state per subscriber is needed at the publisher. The price: a node that wants one entity's events of
/// a service gets the service's events and drops the others on arrival.
struct PublicationClass: Hashable, Sendable {
  static let tokenCount = 3

  /// The first tokens, one to three.
  let subject: Subject

  init(of subject: Subject) { self.subject = subject.prefix(tokenCount: Self.tokenCount) }

  /// What precedes a class's publications on the wire: the text and a zero byte, which no subject holds,
  /// so that no class is a prefix of another.
  var topic: [UInt8] { Array(subject.text.utf8) + [0] }
}

extension SubjectPattern {
  private var literalCount: Int { tokens.prefix { $0 != "*" && $0 != ">" }.count }

  /// The shortest prefix of ``PublicationClass/topic`` that covers every class with a matching subject.
  var topicPrefix: [UInt8] {
    let literal = tokens.prefix(min(literalCount, PublicationClass.tokenCount))
    var prefix = Array(literal.joined(separator: ".").utf8)
    if literal.count == PublicationClass.tokenCount || literal.count == tokens.count {
      prefix.append(0)
    } else if !literal.isEmpty {
      prefix.append(UInt8(ascii: "."))
    }
    return prefix
  }

  /// Whether some subject of the class matches.
  func overlaps(_ publicationClass: PublicationClass) -> Bool {
    let classTokens = publicationClass.subject.text.utf8.split(separator: UInt8(ascii: "."))
    guard classTokens.count == PublicationClass.tokenCount else {
      return matches(publicationClass.subject)
    }
    for (index, classToken) in classTokens.enumerated() {
      guard index < tokens.count else { return false }
      if tokens[index] == ">" { return true }
      guard tokens[index] == "*" || tokens[index].utf8.elementsEqual(classToken) else {
        return false
      }
    }
    return true
  }
}
