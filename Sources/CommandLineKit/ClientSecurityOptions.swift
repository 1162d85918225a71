package import ArgumentParser

/// How programs that talk to nodes protect their connections and say who they are.
package struct ClientSecurityOptions: ParsableArguments {
  @Option(
    name: [.customLong("tls-ca"), .customLong("tlsca")],
    help: ArgumentHelp(
      "Authorities to trust, PEM; default CS_TLS_CA, else the system's.", valueName: "file"))
  package var tlsCA: String?

  @Option(
    name: [.customLong("tls-cert"), .customLong("tlscert")],
    help: ArgumentHelp("Client certificate, PEM; default CS_TLS_CERT.", valueName: "file"))
  package var tlsCert: String?

  @Option(
    name: [.customLong("tls-key"), .customLong("tlskey")],
    help: ArgumentHelp("Its private key, PEM; default CS_TLS_KEY.", valueName: "file"))
  package var tlsKey: String?

  @Option(
    help: ArgumentHelp(
      "Bearer token sent with each call; default CS_TOKEN. Others can see the command line.",
      valueName: "token"))
  package var token: String?

  @Option(
    name: [.customLong("token-file"), .customLong("creds")],
    help: ArgumentHelp("File with the token; default CS_CREDS.", valueName: "file"))
  package var tokenFile: String?

  package init() {}

  package func validate() throws {
    if token != nil, tokenFile != nil {
      throw ValidationError("--token and --token-file exclude each other")
    }
  }

  /// The files, flags before environment.
  package func files(
    environment: (String) -> String? = environmentVariable
  ) -> (authority: String?, certificate: String?, key: String?) {
    (
      tlsCA ?? environment("CS_TLS_CA"), tlsCert ?? environment("CS_TLS_CERT"),
      tlsKey ?? environment("CS_TLS_KEY")
    )
  }

  /// The token to send, if there is one: `--token`, else `--token-file`, else `CS_TOKEN`, else `CS_CREDS`.
  ///
  /// - Throws: ``ProgramError`` with status `usage` for a file that cannot be read, or a token that a header
  ///   cannot carry.
  package func bearerToken(
    environment: (String) -> String? = environmentVariable
  ) throws(ProgramError) -> String? {
    if let token { return try checked(token, from: "--token") }
    if let tokenFile { return try readToken(tokenFile) }
    if let token = environment("CS_TOKEN") { return try checked(token, from: "CS_TOKEN") }
    if let file = environment("CS_CREDS") { return try readToken(file) }
    return nil
  }

  private func readToken(_ path: String) throws(ProgramError) -> String {
    try checked(readFile(path, status: .usage), from: path)
  }

  private func checked(_ text: String, from place: String) throws(ProgramError) -> String {
    let trimmed = text.drop { $0.isWhitespace }
    let token = trimmed.prefix { !$0.isWhitespace }
    let rest = trimmed.dropFirst(token.count)
    guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }),
      rest.allSatisfy(\.isWhitespace)
    else {
      throw ProgramError(
        "\(place) is not a token: it must be one word of ASCII characters", status: .usage)
    }
    return String(token)
  }
}
