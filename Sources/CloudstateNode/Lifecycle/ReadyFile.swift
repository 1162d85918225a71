import CloudstateModel
import Glibc

/// Tells the launcher that a node serves, and where: one JSON object, written in one step.
struct ReadyFile {
  let nodeID: NodeID
  let publicAddress: String
  let managementAddress: String

  func write(to path: String) throws {
    // None of the values can hold a character that JSON escapes, except the path of a socket.
    let json = """
      {"nodeID":"\(nodeID)","publicAddress":"\(escaped(publicAddress))",\
      "managementAddress":"\(escaped(managementAddress))","pid":\(getpid())}

      """
    let temporary = "\(path).tmp"
    guard let file = fopen(temporary, "we") else { throw failure(temporary) }
    let written = fputs(json, file) >= 0
    guard fclose(file) == 0, written, rename(temporary, path) == 0 else { throw failure(path) }
  }

  private func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      if character == "\"" || character == "\\" { result.append("\\") }
      result.append(character)
    }
  }

  private func failure(_ path: String) -> NodeError {
    NodeError(
      .configuration, "cannot write the ready file \(path): \(String(cString: strerror(errno)))")
  }
}
