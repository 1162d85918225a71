/// One thing that reads bytes from outside, and how bytes get into it.
///
/// A target is a pure function of its input: no sockets, no files, no threads. It throws a
/// ``FuzzViolation`` when something that must hold does not, and traps where the product would.
package struct FuzzTarget: Sendable {
  /// The name of its corpus and for `Scripts/fuzz --target`.
  package let name: String
  private let body: @Sendable (FuzzInput) throws -> Void

  init(_ name: String, _ body: @escaping @Sendable (FuzzInput) throws -> Void) {
    self.name = name
    self.body = body
  }

  /// Runs one case.
  package func run(_ bytes: [UInt8]) throws { try body(FuzzInput(bytes)) }

  /// All targets, those that talk to the public port first.
  package static let all: [FuzzTarget] = [
    .http1, .http2, .http2Frames, .http2Client, .grpcMessages, .headerValues, .urlText,
    .httpRequests,
    .pathTemplates, .json, .protobuf, .descriptors, .descriptorPrograms, .subjects, .busMessages,
    .records,
    .replicatedData, .topologies, .accessFiles, .credentials, .webBodies,
  ]
}

/// Something that must hold for every input, and does not.
package struct FuzzViolation: Error, CustomStringConvertible {
  package let description: String
}

/// Ends the case as failed unless a condition holds.
func demand(_ condition: Bool, _ message: @autoclosure () -> String) throws {
  if !condition { throw FuzzViolation(description: message()) }
}

/// Ends the case as failed unless two values are equal.
func demandEqual<Value: Equatable>(
  _ left: Value, _ right: Value, _ what: @autoclosure () -> String
) throws {
  if left != right {
    throw FuzzViolation(description: "\(what()): \(left) is not \(right)")
  }
}
