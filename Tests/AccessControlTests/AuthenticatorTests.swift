import CloudstateModel
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import AccessControl

@Suite("Authentication")
struct AuthenticatorTests {
  private let worker = HeldWorker()
  private let loop = MultiThreadedEventLoopGroup.singleton.next()
  private let keys: Keys

  init() throws { keys = try Keys() }

  private static func file(_ lines: String) throws -> AccessFile {
    var reader = AccessFileReader(file: "x")
    return try reader.read(
      """
      version: 1
      tokens:
        - {name: ada, sha256: \(TokenHash(of: "adas")), groups: [support]}
        - {name: bob, sha256: \(TokenHash(of: "bobs"))}
      jwt: {keys: k, issuer: "https://id.example", audience: cloudstate}
      rules:
        - {who: ada, allow: send cs.cmd.cart.*}
        - {who: "group:a", allow: send cs.cmd.cart.Get}
      \(lines)
      """)
  }

  private func make(
    _ lines: String = "", limits: Authenticator.Limits = .init(), withKeys: Bool = true
  ) async throws -> Authenticator {
    let settings = AccessSettings(
      try Self.file(lines), verifier: withKeys ? try await keys.verifier() : nil)
    return Authenticator(
      settings, limits: limits, worker: { [worker] in worker.add($0) },
      now: { [now] in now.read() },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private let now = Clock()

  private func name(
    _ authenticator: Authenticator, _ authorization: String..., certificate: String? = nil
  ) -> String {
    switch authenticator.authenticate(
      Credentials(authorization: authorization, certificateName: certificate))
    {
    case .admitted(let rights): "\(rights.principal.name) by \(rights.principal.proof)"
    case .refused: "refused"
    case .unverified: "unverified"
    }
  }

  /// Gives a token to be verified and answers how that ended.
  private func verify(
    _ authenticator: Authenticator, _ token: String, beforeRunning: () -> Void = {}
  ) async throws -> String {
    guard
      case .unverified(let unverified) = authenticator.authenticate(
        Credentials(authorization: ["Bearer \(token)"]))
    else { return "not unverified" }
    let promise = loop.makePromise(of: String.self)
    authenticator.verify(unverified, on: loop) { promise.succeed(Self.text($0)) }
    beforeRunning()
    worker.run()
    return try await promise.futureResult.get()
  }

  private static func text(_ verification: Authenticator.Verification) -> String {
    switch verification {
    case .admitted(let rights): rights.principal.name
    case .refused: "refused"
    case .overloaded: "overloaded"
    case .stopping: "stopping"
    }
  }

  private func token(_ claims: String = Keys.claims) async throws -> String {
    try await Keys.token(#""alg":"ES256""#, claims, sign: keys.es256)
  }

  // MARK: What is known at once

  @Test("Tokens of the file are known at once; what is no token of it is refused")
  func fileTokens() async throws {
    let authenticator = try await make()
    #expect(name(authenticator, "Bearer adas") == "ada by token")
    #expect(name(authenticator, "bearer   bobs") == "bob by token")
    for wrong in [
      "Bearer ada", "Bearer adass", "Bearer ", "Bearer", "adas", "Basic adas", "", "Bearer Adas",
    ] {
      #expect(name(authenticator, wrong) == "refused", "\(wrong)")
    }
    #expect(name(authenticator, "Bearer adas", "Bearer bobs") == "refused")
    #expect(name(authenticator, "Bearer " + String(repeating: "x", count: 9000)) == "refused")
    #expect(name(authenticator) == "refused")
    #expect(worker.count == 0)
  }

  @Test("Who comes without credentials is let in where the file has a name for him")
  func anonymous() async throws {
    let authenticator = try await make("anonymous: guest")
    #expect(name(authenticator) == "guest by none")
    #expect(name(authenticator, "Bearer wrong") == "refused", "a wrong token is no missing one")
  }

  @Test("A certificate shows a name where that is wanted; a token wins, and must be right")
  func certificates() async throws {
    let without = try await make("anonymous: guest")
    #expect(name(without, certificate: "carl") == "guest by none")
    let with = try await make("certificates: true")
    #expect(name(with, certificate: "carl") == "carl by certificate")
    #expect(name(with, "Bearer adas", certificate: "carl") == "ada by token")
    #expect(name(with, "Bearer wrong", certificate: "carl") == "refused")
  }

  // MARK: Verification

  @Test("A verified token is known at once until it expires")
  func remembered() async throws {
    let authenticator = try await make()
    let token = try await token()
    #expect(try await verify(authenticator, token) == "ada")
    #expect(name(authenticator, "Bearer \(token)") == "ada by jwt")
    now.set(seconds: 2029)
    #expect(name(authenticator, "Bearer \(token)") == "ada by jwt")
    now.set(seconds: 2030)
    #expect(name(authenticator, "Bearer \(token)") == "unverified")
    #expect(try await verify(authenticator, token) == "refused")
  }

  @Test("A wrong token is refused and not remembered; other texts are not verified at all")
  func wrong() async throws {
    let authenticator = try await make()
    #expect(try await verify(authenticator, "a.b.c") == "refused")
    #expect(name(authenticator, "Bearer a.b.c") == "unverified")
    #expect(name(authenticator, "Bearer a.b") == "refused")
    let without = try await make(withKeys: false)
    #expect(name(without, "Bearer a.b.c") == "refused")
  }

  @Test("Calls with the same token wait for one verification, and so many wait at most")
  func waiting() async throws {
    var limits = Authenticator.Limits()
    limits.waiting = 3
    let authenticator = try await make(limits: limits)
    let text = try await token()
    guard
      case .unverified(let token) = authenticator.authenticate(
        Credentials(authorization: ["Bearer \(text)"]))
    else {
      Issue.record("known already")
      return
    }
    let answers = (0..<5).map { _ in loop.makePromise(of: String.self) }
    for answer in answers {
      authenticator.verify(token, on: loop) { answer.succeed(Self.text($0)) }
    }
    #expect(worker.count == 1)
    #expect(try await answers[3].futureResult.get() == "overloaded")
    #expect(try await answers[4].futureResult.get() == "overloaded")
    worker.run()
    for answer in answers[..<3] { #expect(try await answer.futureResult.get() == "ada") }
    // There is room again.
    #expect(try await verify(authenticator, "a.b.c") == "refused")
  }

  @Test("Who waits when the node stops is told so, as is who comes")
  func stopping() async throws {
    let authenticator = try await make()
    let text = try await token()
    #expect(try await verify(authenticator, text, beforeRunning: authenticator.stop) == "stopping")
    #expect(try await verify(authenticator, text) == "stopping")
    let other = try await make()
    let unverified = other.authenticate(Credentials(authorization: ["Bearer \(text)"]))
    guard case .unverified(let token) = unverified else {
      Issue.record("known already")
      return
    }
    let promise = loop.makePromise(of: String.self)
    other.verify(token, on: loop) { promise.succeed(Self.text($0)) }
    worker.run(isActive: false)
    #expect(try await promise.futureResult.get() == "stopping")
  }

  @Test("New settings count at once, and what was verified by old ones is forgotten")
  func newSettings() async throws {
    let authenticator = try await make()
    let token = try await token()
    #expect(try await verify(authenticator, token) == "ada")
    let stranger = try await Keys().verifier()
    authenticator.use(AccessSettings(try Self.file(""), verifier: stranger))
    #expect(name(authenticator, "Bearer \(token)") == "unverified")
    #expect(try await verify(authenticator, token) == "refused")
    authenticator.use(AccessSettings(AccessFile(), verifier: nil))
    #expect(name(authenticator, "Bearer adas") == "refused")
    #expect(name(authenticator, "Bearer \(token)") == "refused")
  }

  @Test("Who waits while the settings change is admitted by the new ones or not at all")
  func changedMeanwhile() async throws {
    let authenticator = try await make()
    let stranger = try await Keys().verifier()
    let settings = AccessSettings(try Self.file(""), verifier: stranger)
    let token = try await token()
    // The settings change while the old ones verify, which asks for the time.
    now.whenAsked { authenticator.use(settings) }
    #expect(try await verify(authenticator, token) == "refused")
  }

  @Test("Rights say when they end, and of which settings they are")
  func ends() async throws {
    let authenticator = try await make()
    let text = try await token()
    #expect(try await verify(authenticator, text) == "ada")
    func rights() throws -> AccessRights {
      guard
        case .admitted(let rights) = authenticator.authenticate(
          Credentials(authorization: ["Bearer \(text)"]))
      else { throw TokenRefusal("refused") }
      return rights
    }
    let rights = try rights()
    #expect(rights.expiry == 2030)
    #expect(rights.generation == authenticator.generation)
    #expect(!authenticator.hasExpired(rights))
    authenticator.use(authenticator.settings)
    #expect(rights.generation != authenticator.generation)
    now.set(seconds: 2030)
    #expect(authenticator.hasExpired(rights))
  }

  @Test("One connection has only so many calls wait; others go on")
  func waitingOfConnection() async throws {
    var limits = Authenticator.Limits()
    limits.waitingOfConnection = 2
    let authenticator = try await make(limits: limits)
    let promises = (0..<4).map { _ in loop.makePromise(of: String.self) }
    for (index, promise) in promises.enumerated() {
      guard
        case .unverified(let token) = authenticator.authenticate(
          Credentials(authorization: ["Bearer a.b.\(index)"]))
      else { return }
      authenticator.verify(token, on: loop, connection: index < 3 ? 7 : 8) {
        promise.succeed(Self.text($0))
      }
    }
    #expect(try await promises[2].futureResult.get() == "overloaded")
    worker.run()
    for index in [0, 1, 3] {
      #expect(try await promises[index].futureResult.get() == "refused")
    }
    // There is room again.
    guard
      case .unverified(let token) = authenticator.authenticate(
        Credentials(authorization: ["Bearer a.b.c"]))
    else { return }
    let last = loop.makePromise(of: String.self)
    authenticator.verify(token, on: loop, connection: 7) { last.succeed(Self.text($0)) }
    worker.run()
    #expect(try await last.futureResult.get() == "refused")
  }

  @Test("Rights of certificates are remembered by the bytes of the name, and so many at most")
  func certificateRights() async throws {
    var reader = AccessFileReader(file: "x")
    let settings = AccessSettings(
      try reader.read(
        "version: 1\ncertificates: true\nrules: [{who: K, allow: send cs.cmd.a.*}]\n"),
      verifier: nil)
    let command = Subject(tokens: ["cs", "cmd", "a", "b"])
    for _ in 0..<2 {
      #expect(settings.rights(ofCertificate: "K").allows(.send, command))
      #expect(!settings.rights(ofCertificate: "\u{212A}").allows(.send, command))
    }
    #expect(settings.rememberedCertificates == 2)
    for index in 0..<2000 { _ = settings.rights(ofCertificate: "n\(index)") }
    #expect(settings.rememberedCertificates <= 1024)
  }

  @Test("Known and unknown tokens take the same way: a hash, and a look-up that compares it")
  func sameWay() {
    // Tokens that differ early, late or in length have hashes that differ everywhere, and hashes are
    // compared in one expression over all their words.
    let hashes = ["adas", "bdas", "adat", "adass", "a", ""].map { TokenHash(of: $0) }
    for (index, one) in hashes.enumerated() {
      for (other, two) in hashes.enumerated() { #expect((one == two) == (index == other)) }
    }
    #expect(TokenHash(hexadecimal: TokenHash(of: "adas").description) == TokenHash(of: "adas"))
  }
}
