/// The keys of one cluster in etcd, all below its prefix:
/// * `leader`: who leads, as `NAME ENDPOINT`, with the leader's lease. Its create revision is the fence.
/// * `state`: members and services and the number of the plan; a `SealedRecord` of gzip of `State` of
///   `etcd_records.proto`.
/// * `plan/NUMBER`, the number in 20 digits: each plan that was in force, likewise of a `Plan`.
package struct EtcdKeys: Hashable, Sendable {
  /// Ends with a slash.
  package let prefix: String

  /// - Parameter prefix: a slash is added where none ends it.
  package init(prefix: String) { self.prefix = prefix.hasSuffix("/") ? prefix : prefix + "/" }

  package var leader: [UInt8] { bytes("leader") }
  package var state: [UInt8] { bytes("state") }
  /// Where the plans begin, and the first key after them.
  package var firstPlan: [UInt8] { bytes("plan/") }
  package var afterPlans: [UInt8] { bytes("plan0") }

  package func plan(_ number: UInt64) -> [UInt8] { bytes(Self.planName(number)) }

  /// Under which a plan is sealed; the prefix may change, as when a cluster is restored elsewhere.
  static func planName(_ number: UInt64) -> String {
    let digits = String(number)
    return "plan/" + String(repeating: "0", count: max(0, 20 - digits.count)) + digits
  }

  static let stateName = "state"

  private func bytes(_ name: String) -> [UInt8] { Array((prefix + name).utf8) }
}
