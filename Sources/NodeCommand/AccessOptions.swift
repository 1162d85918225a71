package import ArgumentParser

/// Who may do what at the public listener of a node.
package struct AccessOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "File that says who may do what (see Config/access.yaml); without it everybody may.",
      valueName: "file"))
  package var access: String?

  package init() {}

  /// Long names of the options that a `--config` file may set.
  static let names = ["access"]
}
