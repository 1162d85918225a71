/// A failure that ends a program: what went wrong, what to do about it, and the exit status.
///
/// ``runProgram(_:arguments:)`` prints it to standard error as `error: message` and `try: hint`.
package struct ProgramError: Error, Hashable, Sendable, CustomStringConvertible {
  /// One sentence, or several lines when many problems are reported together.
  package var message: String
  /// What the user can do next, best a command to type; `nil` where there is nothing to advise.
  package var hint: String?
  package var status: ExitStatus

  package init(_ message: String, hint: String? = nil, status: ExitStatus = .failure) {
    self.message = message
    self.hint = hint
    self.status = status
  }

  /// The message alone; the hint is printed on its own line by ``runProgram(_:arguments:)``.
  package var description: String { message }

  /// A failed system call: `what: No such file or directory`.
  ///
  /// - Parameter code: the `errno` of the call.
  package static func system(
    _ what: String, code: Int32, hint: String? = nil, status: ExitStatus = .failure
  ) -> ProgramError {
    ProgramError("\(what): \(systemErrorText(code))", hint: hint, status: status)
  }
}

/// Standard output was closed by its reader, as `head` does. ``runProgram(_:arguments:)`` ends the
/// program silently with status 0.
package struct OutputClosed: Error, Sendable {
  package init() {}
}
