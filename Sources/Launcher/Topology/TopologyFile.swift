package import CommandLineKit
import Glibc
package import SettingsReading

/// Reads the topology file at `path` and answers the topology or all that is wrong with it.
///
/// - Parameter programs: the folder of our programs, the value of `${bin}`.
/// - Throws: ``ProgramError`` with status `usage` when the file cannot be read.
package func readTopology(
  _ path: String, programs: String,
  environment: @escaping (String) -> String? = environmentVariable
) throws(ProgramError) -> Result<Topology, InvalidSettings> {
  let text = try readFile(path, status: .usage)
  let absolute = normalizedPath(path, in: currentDirectory())
  let folder = absolute.split(separator: "/").dropLast().joined(separator: "/")
  var reader = TopologyReader(
    file: path, folder: "/" + folder, programs: programs, environment: environment)
  do {
    return .success(try reader.read(text))
  } catch {
    return .failure(error)
  }
}

/// As ``readTopology(_:programs:environment:)``; what is wrong is thrown too, with status `usage`.
package func loadTopology(
  _ path: String, programs: String,
  environment: @escaping (String) -> String? = environmentVariable
) throws(ProgramError) -> Topology {
  switch try readTopology(path, programs: programs, environment: environment) {
  case .success(let topology): return topology
  case .failure(let invalid): throw ProgramError(invalid.description, status: .usage)
  }
}

/// The working directory of this process.
package func currentDirectory() -> String {
  var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
  guard getcwd(&buffer, buffer.count) != nil else { return "/" }
  return text(of: buffer)
}

/// The folder of the running program, where our other programs are as well.
///
/// - Throws: ``ProgramError`` without `/proc`.
package func programFolder() throws(ProgramError) -> String {
  let path = try runningProgram()
  return "/" + path.split(separator: "/").dropLast().joined(separator: "/")
}

/// The absolute path of the running program.
///
/// - Throws: ``ProgramError`` without `/proc`.
package func runningProgram() throws(ProgramError) -> String {
  var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
  guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else {
    throw .system("cannot find out where this program is", code: errno)
  }
  return text(of: buffer)
}

private func text(of buffer: [CChar]) -> String {
  String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
