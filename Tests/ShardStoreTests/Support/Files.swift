import Glibc
import TestSupport

/// The names in a folder.
func fileNames(in folder: String) throws -> [String] {
  guard let stream = opendir(folder) else { throw TestSetupError(what: "opendir", code: errno) }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if !name.hasPrefix(".") { names.append(name) }
  }
  return names.sorted()
}

func readFile(_ path: String) throws -> [UInt8] {
  let file = open(path, O_RDONLY)
  guard file >= 0 else { throw TestSetupError(what: "open \(path)", code: errno) }
  defer { close(file) }
  var content: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(file, &buffer, buffer.count)
    guard count >= 0 else { throw TestSetupError(what: "read \(path)", code: errno) }
    if count == 0 { return content }
    content += buffer[..<count]
  }
}

func writeFile(_ path: String, _ content: [UInt8]) throws {
  let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  guard file >= 0 else { throw TestSetupError(what: "open \(path)", code: errno) }
  defer { close(file) }
  var written = 0
  while written < content.count {
    let count = content[written...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    guard count > 0 else { throw TestSetupError(what: "write \(path)", code: errno) }
    written += count
  }
}

/// Copies the files of a folder, as they are on disk now: what a crash would leave.
func copyFiles(from source: String, to target: String) throws {
  guard mkdir(target, 0o700) == 0 else { throw TestSetupError(what: "mkdir", code: errno) }
  for name in try fileNames(in: source) where name != "LOCK" {
    try writeFile("\(target)/\(name)", try readFile("\(source)/\(name)"))
  }
}
