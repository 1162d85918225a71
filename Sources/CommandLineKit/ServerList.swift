/// The nodes that a command line names.
package struct ServerList: Hashable, Sendable {
  /// In the order in which they are to be tried, without `http://` or `https://`; not checked further.
  package let addresses: [String]
  /// Whether they are spoken to by TLS: they begin with `https://`.
  package let usesTLS: Bool

  /// Reads addresses between commas.
  ///
  /// - Throws: ``ProgramError`` with status `usage` when only some of them begin with `https://`.
  package init(_ text: String) throws(ProgramError) {
    var addresses: [String] = []
    var secure = 0
    for part in text.split(separator: ",") {
      var address = part.filter { !$0.isWhitespace }
      if address.hasPrefix("https://") {
        address.removeFirst("https://".count)
        secure += 1
      } else if address.hasPrefix("http://") {
        address.removeFirst("http://".count)
      }
      // What browsers copy ends so.
      if address.hasSuffix("/"), !address.hasPrefix("unix:") { address.removeLast() }
      addresses.append(address)
    }
    guard secure == 0 || secure == addresses.count else {
      throw ProgramError(
        "some servers begin with https:// and others do not",
        hint: "write https:// before each of them, or before none", status: .usage)
    }
    self.addresses = addresses
    usesTLS = secure > 0
  }
}
