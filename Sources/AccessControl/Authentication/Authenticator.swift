package import CloudstateModel
package import Logging
package import NIOCore
import Synchronization

/// Finds out who makes a call, and what he may do. Any thread.
///
/// Tokens of the access file and tokens that were verified lately cost a hash and a look-up. Other JSON Web
/// Tokens have to be verified, which happens elsewhere while the call waits.
package final class Authenticator: Sendable {
  /// What is known at once.
  package enum Answer: Sendable {
    case admitted(AccessRights)
    /// No credentials where some are needed, or wrong ones.
    case refused
    /// To be given to ``verify(_:on:completion:)``.
    case unverified(UnverifiedToken)
  }

  /// What a verification ends with.
  package enum Verification: Sendable {
    case admitted(AccessRights)
    case refused
    /// As many calls wait for a verification as may.
    case overloaded
    /// The node is stopping.
    case stopping
  }

  /// A token that nobody has verified yet.
  package struct UnverifiedToken: Sendable {
    fileprivate let text: String
    fileprivate let hash: TokenHash
  }

  package struct Limits: Sendable {
    /// Verified tokens that are remembered. Default 8192.
    package var remembered = 8192
    /// Calls that may wait for a verification. Default 1024; the next is refused.
    package var waiting = 1024
    /// Those of them that may be of one connection. Default 8.
    package var waitingOfConnection = 8
    /// Refusals that are logged in a second, at level debug. Default 10.
    package var logLines = 10

    package init() {}
  }

  /// Runs a piece of work elsewhere, soon; `false` as its argument means that there will be no more.
  package typealias Worker =
    @Sendable (_ work: @escaping @Sendable (_ isActive: Bool) -> Void) -> Void

  private struct Waiter {
    let eventLoop: any EventLoop
    let connection: UInt64
    let completion: @Sendable (Verification) -> Void
  }

  private struct State {
    var settings: AccessSettings
    var verified: VerifiedTokens
    var waiters: [TokenHash: [Waiter]] = [:]
    var waiting = 0
    /// How many wait by connection; never zero.
    var waitingByConnection: [UInt64: Int] = [:]
    var isStopped = false
    var logRate: LogRate
  }

  private let state: Mutex<State>
  private let changes = Atomic<UInt64>(0)
  private let limits: Limits
  private let worker: Worker
  private let now: @Sendable () -> Timestamp
  private let logger: Logger

  /// - Parameters:
  ///   - worker: verifies tokens; its owner stops it after ``stop()``.
  ///   - now: the time of day, by which tokens expire.
  package init(
    _ settings: AccessSettings, limits: Limits = Limits(), worker: @escaping Worker,
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.limits = limits
    self.worker = worker
    self.now = now
    self.logger = logger
    state = Mutex(
      State(
        settings: settings, verified: VerifiedTokens(capacity: limits.remembered),
        logRate: LogRate(linesPerSecond: limits.logLines)))
  }

  /// The settings in use.
  package var settings: AccessSettings { state.withLock { $0.settings } }

  /// Counts the changes of the settings: whoever finds another number than before has rights to look at again.
  package var generation: UInt64 { changes.load(ordering: .acquiring) }

  /// Uses other settings from the next call on. Tokens that were verified by the old ones are forgotten.
  package func use(_ settings: AccessSettings) {
    state.withLock { state in
      state.settings = settings
      state.verified.removeAll()
      changes.add(1, ordering: .releasing)
    }
  }

  /// Whether rights have come to their end.
  package func hasExpired(_ rights: AccessRights) -> Bool {
    rights.expiry.map { $0 <= seconds } ?? false
  }

  /// How long rights last; `nil`: as long as the settings.
  package func timeLeft(_ rights: AccessRights) -> TimeAmount? {
    rights.expiry.map { .milliseconds(Int64(max(0, min($0 - seconds, 1e9)) * 1000) + 1) }
  }

  package func authenticate(_ credentials: Credentials) -> Answer {
    // First, so that the rights are never older than it says.
    let generation = generation
    let answer = answer(credentials)
    guard case .admitted(var rights) = answer else { return answer }
    rights.generation = generation
    return .admitted(rights)
  }

  private func answer(_ credentials: Credentials) -> Answer {
    switch credentials.kind {
    case .token(let token): return authenticate(token: token)
    case .certificate(let name):
      let settings = settings
      guard settings.file.takesCertificates else { return authenticateNobody(settings) }
      return .admitted(settings.rights(ofCertificate: name))
    case .nothing: return authenticateNobody(settings)
    case .unusable(let what): return refuse(what)
    }
  }

  private func authenticateNobody(_ settings: AccessSettings) -> Answer {
    settings.anonymous.map(Answer.admitted) ?? refuse("no credentials")
  }

  private func authenticate(token: String) -> Answer {
    let hash = TokenHash(of: token)
    let time = seconds
    let (rights, mayBeVerified) = state.withLock { state in
      let known = state.settings.tokens.rights(hash)
      let isVerifiable = state.settings.verifier != nil
      guard known == nil, isVerifiable else { return (known, isVerifiable) }
      return (state.verified.rights(hash, now: time), true)
    }
    if let rights { return .admitted(rights) }
    guard mayBeVerified, TokenVerifier.isWebToken(token) else { return refuse("an unknown token") }
    return .unverified(UnverifiedToken(text: token, hash: hash))
  }

  // MARK: Verification

  /// Verifies a token; calls with the same token wait for one verification. `completion` is called once,
  /// on `eventLoop`, and never within this call.
  ///
  /// - Parameter connection: number of the call's connection, see `ConnectionPeer`; 0 for none.
  package func verify(
    _ token: UnverifiedToken, on eventLoop: any EventLoop, connection: UInt64 = 0,
    completion: @escaping @Sendable (Verification) -> Void
  ) {
    let waiter = Waiter(eventLoop: eventLoop, connection: connection, completion: completion)
    enum Step { case wait, begin, end(Verification) }
    let step = state.withLock { state -> Step in
      if state.isStopped { return .end(.stopping) }
      let ofConnection = state.waitingByConnection[connection, default: 0]
      guard state.waiting < limits.waiting,
        connection == 0 || ofConnection < limits.waitingOfConnection
      else { return .end(.overloaded) }
      state.waiting += 1
      state.waitingByConnection[connection] = ofConnection + 1
      state.waiters[token.hash, default: []].append(waiter)
      return state.waiters[token.hash]?.count == 1 ? .begin : .wait
    }
    switch step {
    case .wait: break
    case .begin:
      worker { isActive in
        isActive ? self.run(token) : self.finish(token.hash, with: .stopping)
      }
    case .end(let verification): eventLoop.execute { completion(verification) }
    }
  }

  /// On the worker.
  private func run(_ token: UnverifiedToken) {
    while true {
      let (settings, generation, isStopped) = state.withLock {
        ($0.settings, changes.load(ordering: .relaxed), $0.isStopped)
      }
      guard !isStopped else { return }
      let result = verify(token, by: settings, generation)
      let isCurrent = state.withLock { state in
        guard state.settings === settings else { return false }
        if case .success(let rights) = result, let expiry = rights.expiry {
          state.verified.insert(rights, for: token.hash, until: expiry)
        }
        return true
      }
      // What other settings said counts no more.
      guard isCurrent else { continue }
      switch result {
      case .success(let rights): finish(token.hash, with: .admitted(rights))
      case .failure(let refusal):
        log("a JSON Web Token: \(refusal.reason)")
        finish(token.hash, with: .refused)
      }
      return
    }
  }

  private func verify(
    _ token: UnverifiedToken, by settings: AccessSettings, _ generation: UInt64
  ) -> Result<AccessRights, TokenRefusal> {
    guard let verifier = settings.verifier else {
      return .failure(TokenRefusal("JSON Web Tokens are not taken any more"))
    }
    return Result { () throws(TokenRefusal) -> AccessRights in
      let verified = try verifier.verify(token.text, now: seconds)
      var rights = settings.file.policy.rights(of: verified.principal)
      rights.expiry = verified.expiry
      rights.generation = generation
      return rights
    }
  }

  private func finish(_ hash: TokenHash, with verification: Verification) {
    let waiters = state.withLock { state in
      let waiters = state.waiters.removeValue(forKey: hash) ?? []
      state.waiting -= waiters.count
      for waiter in waiters {
        let rest = state.waitingByConnection[waiter.connection, default: 1] - 1
        state.waitingByConnection[waiter.connection] = rest > 0 ? rest : nil
      }
      return waiters
    }
    for waiter in waiters { waiter.eventLoop.execute { waiter.completion(verification) } }
  }

  /// Verifies no more: calls that wait are told so, as are those that come.
  package func stop() {
    let waiters = state.withLock { state in
      state.isStopped = true
      defer {
        state.waiters = [:]
        state.waiting = 0
        state.waitingByConnection = [:]
      }
      return state.waiters.values.flatMap(\.self)
    }
    for waiter in waiters { waiter.eventLoop.execute { waiter.completion(.stopping) } }
  }

  // MARK: The log

  private var seconds: Double { Double(now().unixMilliseconds) / 1000 }

  private func refuse(_ what: String) -> Answer {
    log(what)
    return .refused
  }

  private func log(_ what: String) {
    guard logger.logLevel <= .debug else { return }
    let time = seconds
    guard let suppressed = state.withLock({ $0.logRate.admit(now: time) }) else { return }
    let more = suppressed > 0 ? " (and \(suppressed) others since the last line)" : ""
    logger.debug("a caller was refused for \(what)\(more)")
  }
}
