import CloudstateModel
import NIOCore

// Plans and rebalances of the past, for operators. They are on the disk, and so is what is being decided: a question
// is answered in small pieces, between which decisions are written, and questions are answered one after the other.

extension Coordinator {
  /// Plans or rebalances that are read, and are in memory, at once. A plan of many shards has megabytes.
  static let historyPage = 4
  /// Rebalances in one answer; each has all its steps.
  static let maximumRebalances = 20

  func history(_ query: AdminRoute.HistoryQuery) -> EventLoopFuture<AdminResponse> {
    loop.eventLoop.flatSubmit { [self] in
      let promise = loop.eventLoop.makePromise(of: AdminResponse.self)
      let turn = HistoryTurn(query: query, answer: promise)
      if state.value.isSilent {
        turn.fail(ClusterError(.stopped, "the coordinator does not serve"))
      } else {
        // At most one for each connection of the administration.
        state.value.history.append(turn)
        if state.value.history.count == 1 { readHistory() }
      }
      return promise.futureResult
    }
  }

  /// Reads the next page of the first question. On the loop.
  private func readHistory() {
    guard let turn = state.value.history.first, let request = turn.next else { return }
    loop.began()
    loop.diskFuture { [store] () throws -> HistoryTurn.Page in
      switch request {
      case .plans(let limit, let before):
        return .plans(try store.planHistory(limit: limit, before: before).map(PlanSummary.init))
      case .rebalances(let limit, let before):
        return .rebalances(
          try store.rebalanceHistory(limit: limit, before: before).map(RebalanceDocument.init))
      }
    }.whenComplete { [self] result in
      // Falling silent has answered all of them.
      if !state.value.history.isEmpty { take(result) }
      loop.ended()
    }
  }

  private func take(_ result: Result<HistoryTurn.Page, any Error>) {
    var turn = state.value.history.removeFirst()
    switch result {
    case .success(let page):
      turn.take(page)
      if turn.next != nil {
        state.value.history.insert(turn, at: 0)
      } else {
        turn.succeed()
      }
    case .failure(let error): turn.fail(error)
    }
    readHistory()
  }
}

/// One question for the history, and what was found so far. A value.
struct HistoryTurn {
  enum Request: Hashable {
    case plans(limit: Int, before: UInt64?)
    case rebalances(limit: Int, before: UInt64?)
  }

  enum Page: Sendable {
    case plans([PlanSummary])
    case rebalances([RebalanceDocument])
  }

  private let query: AdminRoute.HistoryQuery
  private let answer: EventLoopPromise<AdminResponse>
  private var found = PlanHistoryDocument(plans: [], rebalances: [])
  private var hasAllPlans = false
  private var hasAllRebalances: Bool

  init(query: AdminRoute.HistoryQuery, answer: EventLoopPromise<AdminResponse>) {
    self.query = query
    self.answer = answer
    hasAllRebalances = query.before != nil
  }

  /// What is to be read next; `nil` when all is there.
  var next: Request? {
    if !hasAllPlans {
      return .plans(
        limit: min(Coordinator.historyPage, query.limit - found.plans.count),
        before: found.plans.last?.number ?? query.before)
    }
    guard !hasAllRebalances else { return nil }
    return .rebalances(
      limit: min(Coordinator.historyPage, rebalanceLimit - found.rebalances.count),
      before: found.rebalances.last?.id)
  }

  private var rebalanceLimit: Int { min(query.limit, Coordinator.maximumRebalances) }

  mutating func take(_ page: Page) {
    switch page {
    case .plans(let plans):
      found.plans += plans
      hasAllPlans = plans.isEmpty || found.plans.count >= query.limit
    case .rebalances(let rebalances):
      found.rebalances += rebalances
      hasAllRebalances = rebalances.isEmpty || found.rebalances.count >= rebalanceLimit
    }
  }

  func succeed() { answer.succeed(AdminResponse(found)) }
  func fail(_ error: any Error) { answer.fail(error) }
}
