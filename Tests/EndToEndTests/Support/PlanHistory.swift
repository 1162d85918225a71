import TestSupport
import Testing

/// The numbers of the plans that coordinators made, as their logs tell.
enum PlanHistory {
  private struct Term {
    /// Orders the terms of coordinators that are elected: the revision of etcd at which it began.
    let fence: Int
    var plans: [Int] = []
  }

  /// Numbers rise with each plan, from process to process and from term to term. The last plan of a term may not have
  /// been written any more; then nobody was told, and its number is used again.
  ///
  /// - Parameter logs: of processes that ran one after the other, or were elected in turn.
  static func check(_ logs: [String]) {
    let terms = logs.enumerated().flatMap { read($1, number: $0) }
      .filter { !$0.plans.isEmpty }.sorted { $0.fence < $1.fence }
    #expect(terms.count > 1, "more than one coordinator, or term of one, made plans")
    var last = 0
    for term in terms {
      for (index, plan) in term.plans.enumerated() {
        #expect(index == 0 ? plan >= last : plan > last, "plan \(plan) after \(last)")
        last = plan
      }
    }
  }

  private static func read(_ log: String, number: Int) -> [Term] {
    var terms = [Term(fence: number)]
    for line in log.split(separator: "\n") {
      if let match = line.firstMatch(of: #/elected: leads from revision ([0-9]+)/#),
        let fence = Int(match.output.1)
      {
        terms.append(Term(fence: fence))
      } else if let match = line.firstMatch(of: #/\] plan ([0-9]+): /#),
        let plan = Int(match.output.1)
      {
        terms[terms.count - 1].plans.append(plan)
      }
    }
    return terms
  }
}
