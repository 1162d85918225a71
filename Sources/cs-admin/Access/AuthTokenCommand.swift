import AccessControl
import ArgumentParser
import CommandLineKit

/// `cs-admin auth token`: makes a bearer token.
struct AuthTokenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "Makes a new random token and the lines for the access file.",
    discussion: """
      EXAMPLES
        cs-admin auth token ada
        cs-admin auth token ada --group support --group billing
        cs-admin auth token ada -o json | jq -r .token

      The first line is the token, for its owner; it is kept nowhere. The other lines belong under \
      'tokens:' of the access file and are no secret.
      """)

  @Argument(help: "Name of the owner in rules.") var name: String
  @Option(help: ArgumentHelp("A group of the owner; repeatable.", valueName: "name"))
  var group: [String] = []
  @OptionGroup var options: OutputOptions

  func validate() throws {
    for text in [name] + group where !AccessFile.isName(text) {
      throw ValidationError(
        "'\(text)' is no name: 1 to 200 characters without white space, not anyone, authenticated "
          + "or group:...")
    }
  }

  func run() throws {
    var random = SystemRandomNumberGenerator()
    let token = TokenSecret.make(using: &random)
    let hash = TokenHash(of: token).description
    let console = options.console
    let format = try options.format()
    guard format == .text else {
      let json = JSONText.object([
        ("name", .string(name)), ("token", .string(token)), ("sha256", .string(hash)),
        ("groups", .array(group.map(JSONText.string))),
      ])
      return try console.output(format == .json ? json.pretty : json.compact)
    }
    console.info("the token, to be shown once, and its lines in the access file:")
    try console.output(token)
    try console.output("  - name: \(yaml(name))\n    sha256: \"\(hash)\"")
    if !group.isEmpty {
      try console.output("    groups: [\(group.map(yaml).joined(separator: ", "))]")
    }
  }

  /// A text in YAML: as it is where that is safe, else in quotes (JSON is a part of YAML 1.2).
  private func yaml(_ text: String) -> String {
    let isPlain =
      text.first?.isLetter == true
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.@".contains($0)) }
      && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(text.lowercased())
    return isPlain ? text : JSONText.string(text).compact
  }
}
