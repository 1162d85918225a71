package import CloudstateModel
package import CloudstateProtocol
package import CommandLineKit
import SwiftProtobuf

/// Which events to follow, and from where; what the arguments of `cs-tail` mean.
package struct TailSelection: Hashable, Sendable {
  /// Where shards begin that no cursor names.
  package enum Start: Hashable, Sendable {
    case new
    case all
    case since(Timestamp)
    case last(UInt32)
  }

  package var patterns: [SubjectPattern]
  package var start: Start
  /// Positions behind which shards begin (`--from`).
  package var cursors: [UInt32: UInt64]
  /// Stop at what is stored now.
  package var endsAtCurrent: Bool

  /// The arguments as they were typed.
  package struct Arguments: Sendable {
    package var subjects: [String] = []
    package var entities: [String] = []
    package var all = false
    package var last: UInt32?
    package var since: Duration?
    package var sinceTime: String?
    package var from: [String] = []
    package var end = false

    package init() {}
  }

  package init(
    patterns: [SubjectPattern], start: Start, cursors: [UInt32: UInt64], endsAtCurrent: Bool
  ) {
    self.patterns = patterns
    self.start = start
    self.cursors = cursors
    self.endsAtCurrent = endsAtCurrent
  }

  /// Checks the arguments; `now` is the time of day.
  ///
  /// - Throws: ``ProgramError`` with status `usage` that names the argument.
  package init(_ arguments: Arguments, now: Timestamp) throws(ProgramError) {
    patterns = []
    for text in arguments.subjects { patterns.append(try Self.pattern(text)) }
    for text in arguments.entities { patterns.append(try Self.entityPattern(text)) }
    start = try Self.start(of: arguments, now: now)
    cursors = [:]
    for text in arguments.from {
      let (shard, position) = try Self.place(text)
      guard cursors.updateValue(position - 1, forKey: shard) == nil else {
        throw ProgramError("--from names shard \(shard) twice", status: .usage)
      }
    }
    endsAtCurrent = arguments.end
  }

  /// The request of a connection that begins here; `cursor` is what was seen on earlier ones.
  ///
  /// - Parameters:
  ///   - isResumed: events or cursors were received before. Shards whose cursors are not known even
  ///     then begin at `startedAt`, so that what was new to the first connection is not lost.
  package func request(
    after cursor: TailCursor, isResumed: Bool, startedAt: Timestamp
  ) -> Cloudstate_Streams_TailRequest {
    .with {
      $0.subjects = patterns.map(\.text)
      $0.cursors = cursor.cursors
      $0.endAtCurrent = endsAtCurrent
      switch start {
      case .all: $0.start = .all
      case .since(let time): $0.sinceUnixMilliseconds = max(time.unixMilliseconds, 1)
      case .new, .last:
        if isResumed {
          $0.sinceUnixMilliseconds = max(startedAt.unixMilliseconds, 1)
        } else if case .last(let count) = start {
          $0.last = count
        }
      }
    }
  }

  /// A subject as it was typed: the leading `cs.` may be left out.
  private static func pattern(_ text: String) throws(ProgramError) -> SubjectPattern {
    let full = text.hasPrefix("evt.") ? "cs.\(text)" : text
    guard let pattern = SubjectPattern(full) else {
      throw ProgramError(
        "'\(text)' is not a subject: tokens between single dots, '*' for one, '>' for the rest",
        hint: "'cs.evt.*.*.ENTITY.*'", status: .usage)
    }
    return pattern
  }

  /// `[PERSISTENCEID/]ID`; the entity id may hold slashes when the persistence id is given.
  private static func entityPattern(_ text: String) throws(ProgramError) -> SubjectPattern {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let kind = parts.count == 2 ? SubjectToken.escape(String(parts[0])) : "*"
    let entity = String(parts[parts.count - 1])
    guard !entity.isEmpty, parts.count == 1 || !parts[0].isEmpty,
      let pattern = SubjectPattern("cs.evt.*.\(kind).\(SubjectToken.escape(entity)).*")
    else {
      throw ProgramError(
        "'\(text)' is not an entity", hint: "--entity shopping-cart/user1", status: .usage)
    }
    return pattern
  }

  private static func start(
    of arguments: Arguments, now: Timestamp
  ) throws(ProgramError) -> Start {
    var starts: [(String, Start)] = []
    if arguments.all { starts.append(("--all", .all)) }
    if let count = arguments.last {
      guard (1...10_000).contains(count) else {
        throw ProgramError("--tail takes a number from 1 to 10000", status: .usage)
      }
      starts.append(("--tail", .last(count)))
    }
    if let since = arguments.since {
      let age = since.components
      let milliseconds = age.seconds * 1000 + age.attoseconds / 1_000_000_000_000_000
      let time = Timestamp(unixMilliseconds: max(now.unixMilliseconds - milliseconds, 1))
      starts.append(("--since", .since(time)))
    }
    if let text = arguments.sinceTime {
      guard let time = CivilTime.timestamp(rfc3339: text) else {
        throw ProgramError(
          "'\(text)' is not an RFC 3339 time", hint: "--since-time 2026-01-31T12:00:00Z",
          status: .usage)
      }
      starts.append(("--since-time", .since(time)))
    }
    guard starts.count <= 1 else {
      throw ProgramError(
        "\(starts.map(\.0).joined(separator: " and ")) exclude each other", status: .usage)
    }
    return starts.first?.1 ?? .new
  }

  private static func place(_ text: String) throws(ProgramError) -> (UInt32, UInt64) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let shard = UInt32(parts[0]), let position = UInt64(parts[1]),
      position > 0
    else {
      throw ProgramError(
        "'\(text)' is not SHARD:POSITION; positions begin at 1", hint: "--from 3:42",
        status: .usage)
    }
    return (shard, position)
  }
}
