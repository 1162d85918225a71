/// What a leader tells of itself in etcd.
package struct LeaderCard: Hashable, Sendable {
  package var name: String
  /// The bus endpoint at which nodes reach it.
  package var endpoint: String

  package init(name: String, endpoint: String) {
    self.name = name
    self.endpoint = endpoint
  }

  /// As it stands in etcd, for people too: `NAME ENDPOINT`.
  var text: String { "\(name) \(endpoint)" }

  /// Reads ``text``; `nil` for anything else.
  init?(text: String) {
    let words = text.split(separator: " ")
    guard words.count == 2 else { return nil }
    self.init(name: String(words[0]), endpoint: String(words[1]))
  }
}
