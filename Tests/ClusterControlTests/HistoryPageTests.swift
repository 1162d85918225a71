import CloudstateModel
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import ClusterControl

/// Operators read plans of the past from the disk on which new ones are written.
@Suite struct HistoryPageTests {
  @Test("A decision is written between two pages of the history that an operator reads")
  func historyInPages() async throws {
    let store = HeldStore()
    let coordinator = try await store.startCoordinator()
    store.hold("plans")
    let history = coordinator.respond(to: .history(.init(limit: 9)))
    let second = coordinator.respond(to: .history(.init(limit: 2, before: 4)))
    try await eventually("the first page is being read") { store.calls.contains("plans") }
    let drained = coordinator.submit(.drain(try node("a"), force: true))
    // What was submitted before this waits for the disk now.
    try await coordinator.loop.run {}
    let before = store.calls.count
    store.release("plans")
    _ = try await drained.get()
    let document = try JSONDecoder().decode(
      PlanHistoryDocument.self, from: Data(try await history.get().body))
    #expect(document.plans.map(\.number) == Array((1...9).reversed()))
    let later = try JSONDecoder().decode(
      PlanHistoryDocument.self, from: Data(try await second.get().body))
    #expect(later.plans.map(\.number) == [3, 2])
    #expect(store.calls[before] == "save", "\(store.calls)")
    // Three pages of the one and one of the other.
    #expect(store.calls.count { $0 == "plans" } == 4, "\(store.calls)")
    #expect(store.largestPage == 4)
    try await coordinator.stop()
  }

  @Test("A coordinator that stops answers whoever waits for its history, and ends after that page")
  func stopsWhileRead() async throws {
    let store = HeldStore()
    let coordinator = try await store.startCoordinator()
    store.hold("plans")
    let history = coordinator.respond(to: .history(.init(limit: 9)))
    try await eventually("the first page is being read") { store.calls.contains("plans") }
    async let stopped: Void = coordinator.stop()
    let error = await #expect(throws: ClusterError.self) { try await history.get() }
    #expect(error?.code == .stopped)
    store.release("plans")
    try await stopped
    #expect(store.calls.count { $0 == "plans" } == 1)
    #expect(store.calls.last == "close")
  }
}
