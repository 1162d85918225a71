package import CloudstateModel

/// Starts and stops the nodes of one service. Any thread may call; calls of one scaler do not overlap.
///
/// Both calls end soon when their task is cancelled: a coordinator that stops waits for them, and so does whoever leads
/// next. What was asked for may be carried out all the same.
package protocol Scaler: Sendable {
  /// What is asked for now, and what is there.
  func observe() async throws(ScalerError) -> DeploymentScale

  /// Asks for `scale` nodes in all. Asking again for the same changes nothing. Returns when the request is accepted or
  /// its first part is done, not when the nodes are there: who does not see the scale asks again.
  ///
  /// - Parameter leaving: the nodes to stop: drained, without shards. Of fewer nodes than there are no others may be
  ///   stopped. Empty for a scaler that has nodes drained itself.
  /// - Throws: ``ScalerError``; `.failed` if other nodes would be stopped than those that leave.
  func request(_ scale: Int, leaving: [NodeID]) async throws(ScalerError)
}

/// Why a scaler could not do its work.
package struct ScalerError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What to switch on.
  package enum Code: String, Sendable {
    /// A setting cannot be used.
    case invalidConfiguration
    /// Nobody is there, or not who was expected.
    case unreachable
    /// There was no answer in time. The request may have been carried out.
    case timeout
    /// The rights do not suffice.
    case denied
    /// What is to be scaled does not exist.
    case notFound
    /// Somebody else changed it at the same time; to be tried again.
    case conflict
    /// It was tried and did not succeed.
    case failed
    /// The answer cannot be understood.
    case malformedAnswer
  }

  package let code: Code
  /// What happened and what to do about it, for people.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { "\(code.rawValue): \(message)" }
}

/// For development: reports the members as the scale and starts nobody (15.5, None).
package struct ObservingScaler: Scaler {
  private let members: @Sendable () async -> Int

  package init(members: @escaping @Sendable () async -> Int) { self.members = members }

  package func observe() async throws(ScalerError) -> DeploymentScale {
    let count = await members()
    return DeploymentScale(name: "members", ready: count, scale: count)
  }

  package func request(_ scale: Int, leaving: [NodeID]) async throws(ScalerError) {}
}

/// What another program or server said, for a message: on one line, and cut.
func said(_ text: String) -> String {
  let line = String(
    text.prefix(400).map { character in
      character.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f } ? character : " "
    }
  ).split(separator: " ").joined(separator: " ")
  return line.isEmpty ? "it said nothing" : "it said '\(line)'"
}
