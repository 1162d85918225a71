package import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf

// What nodes know of single entities.
extension ClientSession {
  /// Asks for what is stored of an entity.
  ///
  /// - Throws: ``ProgramError`` when no server answers, there is no such entity, or a server refuses.
  package func entity(
    _ type: String, _ id: String
  ) async throws -> Cloudstate_Admin_EntityState {
    try await ask("entity", verb: "entity.get") {
      try await $0.persistentCall(
        "/cloudstate.admin.Data/entity",
        Cloudstate_Admin_EntityRequest.with {
          $0.type = type
          $0.entityID = id
        }, patience: timeout)
    }
  }

  /// Reads an entity's journal, page by page.
  ///
  /// - Parameters:
  ///   - first: where to begin, from 1.
  ///   - limit: how many events at most; `nil` for all.
  ///   - take: gets each event in order.
  /// - Throws: as ``entity(_:_:)``, and what `take` throws.
  package func entityEvents(
    _ type: String, _ id: String, from first: Int64, limit: Int?,
    take: (Cloudstate_Admin_EntityEvent, Cloudstate_Admin_EntityEvents) throws -> Void
  ) async throws {
    try await ask("events", verb: "entity.events") { caller in
      var next = first
      var left = limit
      while next > 0, left ?? 1 > 0 {
        let page: Cloudstate_Admin_EntityEvents = try await caller.persistentCall(
          "/cloudstate.admin.Data/events",
          Cloudstate_Admin_EntityEventsRequest.with {
            $0.type = type
            $0.entityID = id
            $0.fromSequence = next
            $0.limit = UInt32(clamping: left ?? 0)
          }, patience: timeout)
        for event in page.events.prefix(left ?? .max) { try take(event, page) }
        left = left.map { max(0, $0 - page.events.count) }
        next = page.nextSequence
      }
    }
  }

  private func ask<Answer>(
    _ method: String, verb: String, _ body: (ServerCaller) async throws -> Answer
  ) async throws -> Answer {
    let caller = await ServerCaller(self)
    let result: Result<Answer, any Error>
    do { result = .success(try await body(caller)) } catch { result = .failure(error) }
    await caller.close()
    do {
      return try result.get()
    } catch let status as GRPCStatus {
      throw status.dataError(of: self, verb: verb)
    }
  }
}
