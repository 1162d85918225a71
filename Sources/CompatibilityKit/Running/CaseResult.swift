/// Where a case went another way than its clause says.
package struct CaseFailure: Error, Hashable, Sendable {
  /// What was done, in the notation; empty where the case has a single step.
  package let step: String
  package let expected: String
  package let received: String
}

/// How a case ended.
package enum CaseOutcome: Hashable, Sendable {
  case passed
  case failed(CaseFailure)
  /// Services that the case needs are missing.
  case skipped(missing: [String])
}

/// One case that was run, or would have been.
package struct CaseResult: Sendable {
  package let testCase: TestCase
  package let outcome: CaseOutcome
  package let duration: Duration

  package init(testCase: TestCase, outcome: CaseOutcome, duration: Duration) {
    self.testCase = testCase
    self.outcome = outcome
    self.duration = duration
  }
}

/// How many cases ended how.
package struct Tally: Hashable, Sendable {
  package private(set) var passed = 0
  package private(set) var failed = 0
  package private(set) var skipped = 0

  package init(_ results: [CaseResult]) {
    for result in results {
      switch result.outcome {
      case .passed: passed += 1
      case .failed: failed += 1
      case .skipped: skipped += 1
      }
    }
  }
}
