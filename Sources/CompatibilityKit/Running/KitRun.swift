import CloudstateProtocol
import SwiftProtobuf

/// Runs cases one after the other, as the specification wants.
package struct KitRun: Sendable {
  /// How long an answer may take. Default 3 seconds (section 1.5).
  package var answerLimit = Self.defaultAnswerLimit

  static let defaultAnswerLimit = Duration.seconds(3)

  private let function: FunctionUnderTest?
  private let proxy: ProxyUnderTest?
  private let scripted: ScriptedRun?

  /// - Parameters:
  ///   - function: Needed by all cases but the scripted ones.
  ///   - proxy: Needed by cases that need one; others run without.
  ///   - scripted: Needed by scripted cases.
  init(
    function: FunctionUnderTest?, proxy: ProxyUnderTest? = nil, scripted: ScriptedRun? = nil
  ) {
    self.function = function
    self.proxy = proxy
    self.scripted = scripted
  }

  /// The first part of entity ids. Default `entity` (section 1.6); a proxy that keeps its data needs
  /// another one for each run.
  package var entityPrefix = Self.defaultPrefix

  private static let defaultPrefix = "entity"

  /// Runs cases in the order given, and tells of each when it ends.
  package func run(
    _ cases: [TestCase], onResult: (CaseResult) throws -> Void
  ) async rethrows -> [CaseResult] {
    let clock = ContinuousClock()
    let served = Set(function?.spec.entities.map(\.serviceName) ?? [])
    var results: [CaseResult] = []
    var counters: [TestGroup: Int] = [:]
    for testCase in cases {
      let missing = testCase.needs.filter { !served.contains($0) }
      let start = clock.now
      var outcome = CaseOutcome.skipped(missing: missing)
      if missing.isEmpty {
        // Entity ids have a counter for each group (section 1.6).
        counters[testCase.group, default: 0] += 1
        let number = counters[testCase.group, default: 0]
        outcome = await run(testCase, number: number)
      }
      let result = CaseResult(
        testCase: testCase, outcome: outcome, duration: start.duration(to: clock.now))
      try onResult(result)
      results.append(result)
    }
    return results
  }

  private func run(_ testCase: TestCase, number: Int) async -> CaseOutcome {
    let entityID = "\(entityPrefix)-\(number)"
    do throws(CaseFailure) {
      if case .scripted(let procedure) = testCase.procedure {
        guard let scripted else {
          throw CaseFailure(step: "", expected: "a command for a proxy", received: "none")
        }
        try await scripted.run(procedure)
        return .passed
      }
      guard let function else {
        throw CaseFailure(step: "", expected: "a user function", received: "none")
      }
      switch testCase.procedure {
      case .scripted: break
      case .discovery(let entities):
        for entity in entities {
          let deviation = function.spec.deviation(
            from: entity, declaredServices: function.declaredServices)
          if let deviation { throw deviation }
        }
      case .action(let shape, let script):
        try await ActionRun(shape, script, client: try function.reached(), limit: answerLimit).run()
      case .entity(let procedure) where testCase.group == .eventSourced:
        var run = EntityRun(
          EventSourcedMessages.self, client: try function.reached(), entityID: entityID,
          limit: answerLimit)
        try await run.run(procedure)
      case .entity(let procedure):
        var run = EntityRun(
          ValueEntityMessages.self, client: try function.reached(), entityID: entityID,
          limit: answerLimit)
        try await run.run(procedure)
      case .crdt(let script):
        var run = CRDTRun(client: try function.reached(), limit: answerLimit)
        let entityID = replicatedID(script.type.rawValue, number)
        try await run.run(
          steps { () throws(NotationError) in try script.steps(entityID: entityID) })
      case .function(let procedure):
        try await procedure.run(FunctionScene(function: function, limit: answerLimit))
      case .proxyInfo:
        if let deviation = discoveryDeviation(try neededProxy().info, function) { throw deviation }
      case .proxyAction(let steps):
        var run = ProxyActionRun(proxy: try neededProxy(), limit: answerLimit)
        try await run.run(steps)
      case .proxyEntity(let procedure) where testCase.group == .eventSourced:
        var run = ProxyEntityRun(
          EventSourcedMessages.self, proxy: try neededProxy(), entityID: entityID,
          limit: answerLimit)
        try await run.run(procedure)
      case .proxyEntity(let procedure):
        var run = ProxyEntityRun(
          ValueEntityMessages.self, proxy: try neededProxy(), entityID: entityID,
          limit: answerLimit)
        try await run.run(procedure)
      case .proxyCRDT(let script):
        let entityID = replicatedID(script.idPrefix, number)
        var run = ProxyCRDTRun(
          proxy: try neededProxy(), entityID: entityID, limit: answerLimit)
        try await run.run(
          steps { () throws(NotationError) in try script.steps(entityID: entityID) })
      case .proxy(let procedure):
        let prefix = entityPrefix == Self.defaultPrefix ? "" : "\(entityPrefix)-"
        let scene = ProxyScene(
          function: function, proxy: try neededProxy(), limit: answerLimit, entityID: entityID,
          identifier: { prefix + $0 })
        try await procedure.run(scene)
      }
      if testCase.part == .proxy { try await expectNoMoreConnections() }
      return .passed
    } catch {
      // What a failed case left over is not the next one's.
      while await proxy?.interceptor.connections.next(within: Self.quiet) != nil {}
      return .failed(error)
    }
  }

  /// Scripts were read before, so reading one again with this test's entity id goes well.
  private func steps<Step>(
    _ parse: () throws(NotationError) -> [Step]
  ) throws(CaseFailure) -> [Step] {
    do { return try parse() } catch {
      throw CaseFailure(step: "", expected: "a script", received: "\(error)")
    }
  }

  /// The first part of the ids of replicated entities is the data type (section 1.6).
  private func replicatedID(_ prefix: String, _ number: Int) -> String {
    entityPrefix == Self.defaultPrefix
      ? "\(prefix)-\(number)" : "\(prefix)-\(entityPrefix)-\(number)"
  }

  /// How long no further call may arrive after a case (section 1.4).
  private static let quiet = Duration.milliseconds(10)

  private func expectNoMoreConnections() async throws(CaseFailure) {
    guard let more = await proxy?.interceptor.connections.next(within: Self.quiet) else { return }
    throw CaseFailure(
      step: "after the last step", expected: "no further call", received: "a call of \(more.path)")
  }

  private func neededProxy() throws(CaseFailure) -> ProxyUnderTest {
    guard let proxy else {
      throw CaseFailure(step: "", expected: "a proxy", received: "none")
    }
    return proxy
  }
}
