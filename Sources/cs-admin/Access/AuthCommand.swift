import ArgumentParser

/// `cs-admin auth`: who may do what.
struct AuthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "auth",
    abstract: "Explains who may do what, and makes tokens.",
    discussion: """
      EXAMPLES
        cs-admin auth token ada --group support
        cs-admin auth check cs.cmd.cart.AddItem --as ada --access Config/access.yaml
      """,
    subcommands: [AuthCheckCommand.self, AuthTokenCommand.self])
}
