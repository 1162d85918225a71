/// Why bytes are not a value in stored form.
package enum ReplicatedDataFormatError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The bytes end too early.
  case truncated
  /// No encoder writes this; the text says what is wrong.
  case malformed(String)
  /// More than ``ReplicatedLimits/maximumDepth`` values lie in each other.
  case tooDeep
  /// A newer release wrote it.
  case unsupportedVersion(UInt8)

  package var description: String {
    switch self {
    case .truncated: "replicated data is cut off"
    case .malformed(let what): "replicated data holds \(what)"
    case .tooDeep:
      "replicated data has more than \(ReplicatedLimits.maximumDepth) values in each other"
    case .unsupportedVersion(let version):
      "replicated data has version \(version), this release reads version "
        + "\(ReplicatedDataFormat.version)"
    }
  }
}
