import SwiftProtobuf

/// Compares a received message with the expected one, both in canonical form: exact equality, so a
/// field that is expected to be absent must be absent (section 1.5).
///
/// - Returns: `nil` if they are equal, else both for people: in the notation where it tells them
///   apart, otherwise field by field.
func difference<Output: Message & Equatable>(
  expected: Output, received: Output, describe: (Output) -> String
) -> (expected: String, received: String)? {
  if expected == received { return nil }
  let texts = (expected: describe(expected), received: describe(received))
  if texts.expected != texts.received { return texts }
  return (
    "\(texts.expected) { \(singleLine(expected.textFormatString())) }",
    "\(texts.received) { \(singleLine(received.textFormatString())) }"
  )
}

private func singleLine(_ text: String) -> String {
  text.split(whereSeparator: { $0.isWhitespace }).joined(separator: " ")
}
