/// What a leader tells of itself in etcd.
package struct LeaderCard: Hashable, Sendable {
  package var name: String
  /// The bus endpoint at which nodes reach it.
  package var endpoint: String
  /// Where it serves operators, as `HOST:PORT`; `nil` if it does not.
  package var admin: String?

  package init(name: String, endpoint: String, admin: String? = nil) {
    self.name = name
    self.endpoint = endpoint
    self.admin = admin
  }

  /// As it stands in etcd, for people too: `NAME ENDPOINT`, and `ADMIN` where operators are served.
  var text: String { ([name, endpoint] + (admin.map { [$0] } ?? [])).joined(separator: " ") }

  /// Reads ``text``; `nil` for anything else.
  init?(text: String) {
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 2 || words.count == 3 else { return nil }
    self.init(name: words[0], endpoint: words[1], admin: words.count == 3 ? words[2] : nil)
  }
}
