/// What this node serves, and from whom it accepts an answer to discovery.
package struct DiscoveryPolicy: Hashable, Sendable {
  /// Which protocol versions a user function may report (protocol section 9.2).
  package enum VersionCheck: String, Hashable, Sendable, CaseIterable {
    /// 0.2, 0.1 and 0.0: released libraries report no version and speak a compatible protocol.
    case compatible
    /// 0.2 only, as the reference.
    case strict
    /// Whatever is reported.
    case any

    /// Whether a user function that reports this version is accepted.
    func accepts(major: Int32, minor: Int32) -> Bool {
      switch self {
      case .compatible: major == 0 && (0...2).contains(minor)
      case .strict: major == 0 && minor == 2
      case .any: true
      }
    }
  }

  /// In the order in which they are announced. Default: all this release serves.
  package var supportedKinds: [EntityKind] = [
    .action, .statelessFunction, .crdt, .valueEntity, .eventSourced,
  ]
  /// Without a store no kind of entity that needs one is announced or accepted. Default `true`.
  package var hasStore = true
  /// Default ``VersionCheck/compatible``.
  package var versionCheck = VersionCheck.compatible
  /// Free text for the logs of user functions.
  package var proxyName = "cloudstate-swift"
  /// Free text, the version of this program.
  package var proxyVersion = "0.1.0"

  package init() {}

  /// The kinds that are announced and accepted.
  var servedKinds: [EntityKind] { supportedKinds.filter { hasStore || !$0.needsStore } }
}
