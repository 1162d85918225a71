/// A case through the proxy that is written in code, since no notation would say it shorter.
struct ProxyProcedure: Sendable {
  let run: @Sendable (ProxyScene) async throws(CaseFailure) -> Void
}

/// What such a case has at hand.
struct ProxyScene: Sendable {
  let function: FunctionUnderTest
  let proxy: ProxyUnderTest
  let limit: Duration
  /// The id of an entity that no case used before.
  let entityID: String
  /// Turns an id that the specification wants into one that no run used before.
  let identifier: @Sendable (String) -> String

  var watch: TrafficWatch { TrafficWatch(proxy: proxy, limit: limit) }
}

/// A case about the user function alone that is written in code.
struct FunctionProcedure: Sendable {
  let run: @Sendable (FunctionScene) async throws(CaseFailure) -> Void
}

/// What such a case has at hand.
struct FunctionScene: Sendable {
  let function: FunctionUnderTest
  let limit: Duration
}
