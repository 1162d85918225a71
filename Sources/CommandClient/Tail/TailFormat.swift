package import CloudstateProtocol
package import CommandLineKit

/// How `cs-tail` prints an event.
package enum TailFormat: Hashable, Sendable {
  case text
  case jsonl
  /// The body alone.
  case raw

  /// - Parameter format: `json` means `jsonl` here, since a stream has no end to wait for.
  package init(_ format: OutputFormat, raw: Bool) throws(ProgramError) {
    guard raw else {
      self = format == .text ? .text : .jsonl
      return
    }
    guard format == .text else {
      throw ProgramError("--raw excludes --output \(format.rawValue)", status: .usage)
    }
    self = .raw
  }

  /// The line for an event, in the time zone of this process.
  package func line(_ event: Cloudstate_Streams_TailedEvent) -> String {
    switch self {
    case .text: event.textLine(offset: localOffset)
    case .jsonl: event.envelope.compact
    case .raw: event.body
    }
  }
}
