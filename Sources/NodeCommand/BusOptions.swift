package import ArgumentParser

/// What a node is told about the protection of its bus.
package struct BusOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Key file of the cluster (Scripts/make-bus-key): encrypts the bus and keeps others out.",
      valueName: "file"))
  package var busKey: String?

  package init() {}
}
