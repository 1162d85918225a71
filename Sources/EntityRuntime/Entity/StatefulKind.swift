import CloudstateModel

/// The kinds of entities that an ``EntityMachine`` runs.
package enum StatefulKind: Hashable, Sendable {
  case eventSourced
  case value

  /// Why callers hear of a crash; the texts are those that the test suites of language libraries know
  /// (proxy behaviour, sections 7.5 and 8).
  func crash(_ code: CommandError.Code) -> CommandError {
    let text =
      switch (code, self) {
      case (.unexpectedReply, .eventSourced): "Unexpected entity reply"
      case (.unexpectedReply, .value): "Unexpected Value entity reply"
      case (.unexpectedFailure, .eventSourced): "Unexpected entity failure"
      case (.unexpectedFailure, .value), (.unexpectedMessage, .value):
        "Unexpected Value entity failure"
      case (.unexpectedMessage, .eventSourced): "Unexpected entity message"
      case (.unexpectedTermination, .eventSourced): "Unexpected entity termination"
      case (.unexpectedTermination, .value): "Unexpected Value entity termination"
      case (.entityTerminated, .value): "Value entity terminated"
      default: "Entity terminated"
      }
    return CommandError(code, text)
  }

  /// How the error of a journal or value that cannot be read begins.
  var recoveryError: String {
    self == .value ? "Error loading the value" : "Error recovering event log"
  }
}
