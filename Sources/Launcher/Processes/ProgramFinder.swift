import CommandLineKit
import Glibc

/// Finds the program of a command as a shell does: a word with a slash is a path, from the working
/// directory of the command; any other word is looked for along `PATH`.
///
/// - Returns: an absolute path, or `nil` when there is no such executable file.
package func findProgram(_ word: String, directory: String, searchPath: String?) -> String? {
  func isExecutable(_ path: String) -> Bool {
    var information = stat()
    return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFREG
      && access(path, X_OK) == 0
  }
  if word.contains("/") {
    let path = normalizedPath(word, in: directory)
    return isExecutable(path) ? path : nil
  }
  let folders = (searchPath ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
  return folders.map { normalizedPath("\($0)/\(word)", in: directory) }.first(where: isExecutable)
}

/// The environment of this process. May be called on any thread, as nobody changes it.
package func currentEnvironment() -> [String: String] {
  var variables: [String: String] = [:]
  var next = environ
  while let entry = next.pointee {
    let text = String(cString: entry)
    if let equals = text.firstIndex(of: "=") {
      variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
    }
    next += 1
  }
  return variables
}
