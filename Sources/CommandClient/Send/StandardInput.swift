import CommandLineKit
import Glibc
import NIOPosix

/// Reads standard input without holding up tasks: the blocking reads run on a pool thread.
enum StandardInput {
  /// The next line without its end, or `nil` at the end of the input.
  static func line() async throws -> String? {
    try await NIOThreadPool.singleton.runIfActive { readLine(strippingNewline: true) }
  }

  /// Everything up to the end of the input.
  static func all(_ console: Console) async throws -> String {
    announceTerminal(console)
    return try await NIOThreadPool.singleton.runIfActive {
      var text = ""
      while let line = readLine(strippingNewline: false) { text += line }
      return text
    }
  }

  /// Tells a person at a terminal what the program waits for.
  static func announceTerminal(_ console: Console) {
    if isatty(STDIN_FILENO) == 1 {
      console.info("reading from the terminal; Ctrl-D ends the input")
    }
  }
}
