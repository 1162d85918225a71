/// A user function, a proxy or both, and what of the compatibility kit they are to pass.
package struct Combination: Sendable {
  /// What a combination runs; the raw value stands in the file.
  package enum Suite: String, CaseIterable, Sendable {
    /// The kit plays the proxy.
    case model
    /// The kit stands between function and proxy.
    case proxy
    /// The kit plays the function.
    case scripted
    /// The shopping cart of 2020, also through a proxy if there is one.
    case cart
  }

  /// A program to start.
  package struct Program: Sendable {
    package var command: String
    package var environment: [String: String]
    /// Where it runs; absolute.
    package var directory: String
  }

  /// A case that is known to fail.
  package struct ExpectedFailure: Sendable {
    /// A case, or several with `*`.
    package var pattern: String
    package var reason: String
  }

  package var name: String
  package var function: Program?
  /// The user function is inside the proxy.
  package var isFunctionInside = false
  package var proxy: Program?
  package var suites: [Suite]
  package var expectedFailures: [ExpectedFailure]
  /// How long function and proxy may take to start.
  package var wait: Duration

  /// The cases that it runs, in the order of the specification.
  package var cases: [TestCase] {
    if suites == [.cart] { return cartCases.filter { proxy != nil || $0.part == .model } }
    let parts = suites.compactMap { TestPart(rawValue: $0.rawValue) }
    return allCases.filter { parts.contains($0.part) }
  }

  /// Why a case is known to fail, or `nil`.
  func expectedFailure(of testCase: TestCase) -> String? {
    expectedFailures.first { glob($0.pattern, testCase.id) }?.reason
  }
}

/// How a case went, seen with what was expected.
package enum Verdict: Hashable, Sendable {
  case passed
  case failed
  case skipped
  /// It failed, as is known.
  case failedAsExpected(reason: String)
  /// It is said to fail and does not: the list of expected failures is out of date.
  case passedUnexpectedly(reason: String)

  init(_ result: CaseResult, expectedFailure reason: String?) {
    switch (result.outcome, reason) {
    case (.passed, nil): self = .passed
    case (.passed, let reason?): self = .passedUnexpectedly(reason: reason)
    case (.failed, nil): self = .failed
    case (.failed, let reason?): self = .failedAsExpected(reason: reason)
    case (.skipped, _): self = .skipped
    }
  }

  /// Whether nobody needs to do anything.
  var isGood: Bool {
    switch self {
    case .passed, .skipped, .failedAsExpected: true
    case .failed, .passedUnexpectedly: false
    }
  }
}

/// What came of a combination.
package struct CombinationResult: Sendable {
  package let combination: Combination
  /// What the function said of itself; empty if there is none.
  package var library = ""
  package var results: [CaseResult] = []
  /// Why it could not be run, or not to its end.
  package var problem: String?

  package init(combination: Combination) { self.combination = combination }

  package func verdict(_ result: CaseResult) -> Verdict {
    Verdict(result, expectedFailure: combination.expectedFailure(of: result.testCase))
  }

  /// Whether all cases went as expected, and at least one ran.
  package var isGood: Bool {
    problem == nil && results.allSatisfy { verdict($0).isGood }
      && results.contains { verdict($0) != .skipped }
  }

  /// How many verdicts are of a kind.
  func count(_ belongs: (Verdict) -> Bool) -> Int { results.count { belongs(verdict($0)) } }

  var passed: Int { count { $0 == .passed } }
  var failed: Int { count { $0 == .failed } }
  var skipped: Int { count { $0 == .skipped } }
  var failedAsExpected: Int { count { if case .failedAsExpected = $0 { true } else { false } } }
  var passedUnexpectedly: Int { count { if case .passedUnexpectedly = $0 { true } else { false } } }
}
