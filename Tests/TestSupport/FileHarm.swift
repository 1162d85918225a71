import Foundation

/// What happens to files on disks that fail.
package enum FileHarm: String, CaseIterable, Sendable {
  case bitFlip, truncation, growth, swappedBytes, zeroedBlock

  /// How often each kind of file is harmed in each way, at random places; `CS_DAMAGE_ROUNDS` for more.
  package static let rounds =
    ProcessInfo.processInfo.environment["CS_DAMAGE_ROUNDS"].flatMap(Int.init) ?? 2

  /// Does it to the content of a file, at a random place.
  ///
  /// - Returns: what was done, for people; `nil` if it changed nothing.
  package func apply(
    to bytes: inout [UInt8], using random: inout some RandomNumberGenerator
  ) -> String? {
    let before = bytes
    guard !bytes.isEmpty else { return nil }
    let place = Int.random(in: 0..<bytes.count, using: &random)
    switch self {
    case .bitFlip: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case .truncation: bytes.removeSubrange(place...)
    case .growth: bytes.append(UInt8.random(in: .min ... .max, using: &random))
    case .swappedBytes: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
    case .zeroedBlock:
      for index in place..<min(bytes.count, place + 512) { bytes[index] = 0 }
    }
    return bytes == before ? nil : "\(rawValue) at \(place) of \(before.count)"
  }
}
