import ArgumentParser

/// The shape of a program's standard output.
package enum OutputFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
  /// For people; may change between versions.
  case text
  /// One JSON document.
  case json
  /// One compact JSON document per line, for streams.
  case jsonl
}

/// When standard error and standard output carry colours.
package enum ColorChoice: String, Sendable, CaseIterable, ExpressibleByArgument {
  /// On a terminal, unless `NO_COLOR` is set (no-color.org) or `TERM` is `dumb`.
  case auto
  case always
  case never
}
