package import CloudstateModel
package import CloudstateProtocol

/// A tail request after its validation: which events to send, and where to begin.
package struct TailPlan: Sendable {
  /// Where a shard without a cursor of its own begins.
  package enum Start: Hashable, Sendable {
    /// Behind what is stored when the call begins.
    case new
    case all
    case since(Timestamp)
    /// With the last matching events over all shards without a cursor; the count is positive.
    case last(Int)
  }

  /// The patterns as they were asked for; none means every event of the service.
  package var patterns: [SubjectPattern]
  package var filter: SubjectFilter
  package var start: Start
  /// Shards whose events are continued behind a known position.
  package var cursors: [UInt32: Position]
  /// The shards to read, in order.
  package var shards: [UInt32]
  /// End when everything stored at the beginning was sent.
  package var endsAtCurrent: Bool
  package var shardCount: UInt32

  /// Bounds on what one request may ask for.
  package enum Limits {
    /// Patterns are matched one after the other for each event.
    package static let subjects = 64
    /// The addresses of so many events are kept per shard while the last ones are sought.
    package static let last = 10_000
  }

  /// A request that cannot be served as it stands; the message names the field.
  package struct Invalid: Error, Hashable, Sendable {
    package let message: String
  }

  /// Checks a request as it came from a client.
  package init(
    _ request: Cloudstate_Streams_TailRequest, service: ServiceName, shardCount: UInt32
  ) throws(Invalid) {
    guard request.subjects.count <= Limits.subjects else {
      throw Invalid(message: "subjects: at most \(Limits.subjects) patterns may be given")
    }
    var patterns: [SubjectPattern] = []
    for text in request.subjects {
      guard let pattern = SubjectPattern(text) else {
        throw Invalid(
          message: """
            subjects: "\(text)" is not a subject pattern: tokens are separated by single dots, \
            hold no white space, and '>' may only be the last token
            """)
      }
      patterns.append(pattern)
    }
    guard request.last <= Limits.last else {
      throw Invalid(message: "last: at most \(Limits.last) events can be asked for")
    }
    guard request.sinceUnixMilliseconds >= 0 else {
      throw Invalid(message: "since_unix_milliseconds: a time before 1970 cannot be asked for")
    }
    var cursors: [UInt32: Position] = [:]
    for cursor in request.cursors {
      guard cursor.shard < shardCount else {
        throw Invalid(
          message: "cursors: shard \(cursor.shard) does not exist; \(service) has \(shardCount)")
      }
      cursors[cursor.shard] = Position(cursor.position)
    }
    self.patterns = patterns
    filter = SubjectFilter(patterns: patterns, service: service)
    start = try Self.start(of: request)
    self.cursors = cursors
    shards = filter.relevantShards(shardCount: shardCount)
    endsAtCurrent = request.endAtCurrent
    self.shardCount = shardCount
  }

  private static func start(of request: Cloudstate_Streams_TailRequest) throws(Invalid) -> Start {
    if request.last > 0 { return .last(Int(request.last)) }
    if request.sinceUnixMilliseconds > 0 {
      return .since(Timestamp(unixMilliseconds: request.sinceUnixMilliseconds))
    }
    switch request.start {
    case .new: return .new
    case .all: return .all
    case .UNRECOGNIZED(let value): throw Invalid(message: "start: unknown value \(value)")
    }
  }
}
