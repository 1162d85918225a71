import Glibc

/// Reads `CS_TEST_SEED`.
func environmentSeed() -> UInt64? {
  guard let text = getenv("CS_TEST_SEED") else { return nil }
  return UInt64(String(cString: text))
}

/// A folder that is removed, with all in it, when the value goes away.
package final class TemporaryDirectory: Sendable {
  package let path: String

  package init() throws {
    var template = Array("/tmp/cs-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TestSetupError(what: "mkdtemp", code: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { removeTree(path) }
}

/// The test could not be set up; `code` is the `errno` of the call named.
package struct TestSetupError: Error {
  package let what: String
  package let code: Int32

  package init(what: String, code: Int32) {
    self.what = what
    self.code = code
  }
}
