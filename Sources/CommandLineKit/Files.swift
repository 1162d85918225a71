import Glibc

/// Reads a whole text file; bytes that are not UTF-8 become replacement characters.
///
/// - Parameter status: the exit status of the error when the file cannot be read.
package func readFile(_ path: String, status: ExitStatus = .failure) throws(ProgramError) -> String
{
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else {
    throw .system("cannot read \(path)", code: errno, status: status)
  }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(descriptor, &chunk, chunk.count)
    if count == 0 { break }
    if count < 0 {
      if errno == EINTR { continue }
      throw .system("cannot read \(path)", code: errno, status: status)
    }
    bytes.append(contentsOf: chunk[..<count])
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Replaces a file in one step: a reader sees the old text or the new text, never a part.
///
/// One process writes a given path from one thread at a time. The new content is not synced to disk; ready files and state files describe running processes and
/// mean nothing after a power failure.
package func writeAtomically(_ path: String, _ text: String) throws(ProgramError) {
  try replace(path, text, isSynced: false)
}

/// As ``writeAtomically(_:_:)``, and returns when the new text would outlive a power failure.
package func writeDurably(_ path: String, _ text: String) throws(ProgramError) {
  try replace(path, text, isSynced: true)
  try syncFolder(of: path)
}

/// Removes a file, which may be missing, and returns when it would not be back after a power failure.
package func removeDurably(_ path: String) throws(ProgramError) {
  guard unlink(path) == 0 || errno == ENOENT else {
    throw .system("cannot remove \(path)", code: errno)
  }
  try syncFolder(of: path)
}

/// As ``readFile(_:status:)``; `nil` when there is no such file.
package func readFileIfPresent(_ path: String) throws(ProgramError) -> String? {
  if access(path, F_OK) != 0, errno == ENOENT { return nil }
  return try readFile(path)
}

/// A name is as durable as its folder.
private func syncFolder(of path: String) throws(ProgramError) {
  let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
  let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { throw .system("cannot sync \(folder)", code: errno) }
  defer { close(descriptor) }
  guard fsync(descriptor) == 0 else { throw .system("cannot sync \(folder)", code: errno) }
}

private func replace(_ path: String, _ text: String, isSynced: Bool) throws(ProgramError) {
  let temporary = "\(path).\(getpid()).tmp"
  let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
  guard descriptor >= 0 else { throw .system("cannot write \(path)", code: errno) }
  var failure = writeAll(Array(text.utf8), to: descriptor)
  if failure == 0, isSynced, fsync(descriptor) != 0 { failure = errno }
  if close(descriptor) != 0, failure == 0 { failure = errno }
  if failure == 0, rename(temporary, path) != 0 { failure = errno }
  guard failure == 0 else {
    unlink(temporary)
    throw .system("cannot write \(path)", code: failure)
  }
}

/// Writes every byte, and answers 0 or the `errno` that stopped it. A descriptor in non-blocking mode
/// is waited for.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
  bytes.withUnsafeBytes { buffer in
    var rest = buffer[...]
    while !rest.isEmpty {
      let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&waiting, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }
}
