import CommandLineKit
import Glibc
import TestSupport
import Testing

@testable import Launcher

@Suite("Lines and logs")
struct LogTests {
  @Test("lines are put together from pieces; a line without end is cut")
  func splitter() {
    var splitter = LineSplitter()
    #expect(splitter.append(Array("ab".utf8)[...]) == [])
    #expect(splitter.append(Array("c\r\nd\n\ne".utf8)[...]) == ["abc", "d", ""])
    #expect(splitter.finish() == "e")
    #expect(splitter.finish() == nil)
    let endless = [UInt8](repeating: UInt8(ascii: "x"), count: LineSplitter.maximumLineBytes + 1)
    #expect(splitter.append(endless[...]).map(\.utf8.count) == [LineSplitter.maximumLineBytes])
  }

  @Test("the report keeps the last lines")
  func recent() {
    var recent = RecentLines()
    for number in 1...25 { recent.append("\(number)") }
    #expect(recent.lines == (6...25).map { "\($0)" })
  }

  @Test("a full log is put aside and a follower loses no line")
  func replacement() throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/a.log"
    var follower = LogFollower(path: path)
    #expect(follower.read() == [])
    var log = try LogFile(path: path, maximumBytes: 100_000)
    let long = String(repeating: "x", count: 1000)
    let count = 150
    var seen: [String] = []
    for number in 0..<count {
      log.append("\(number) \(long)")
      if number % 20 == 0 { seen += follower.read() }
    }
    seen += follower.read()
    #expect(seen.count == count)
    let numbers = seen.compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
    #expect(numbers == Array(0..<count))
    #expect(try FileNames.inFolder(folder.path) == ["a.log", "a.log.1"])
    var next = try LogFile(path: path)
    next.append("after a restart")
    #expect(follower.read() == ["after a restart"])
  }

  @Test("programs are found as a shell does")
  func programs() throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/tool"
    try writeAtomically(path, "#!/bin/sh\n")
    #expect(findProgram("tool", directory: "/", searchPath: folder.path) == nil)
    chmod(path, 0o755)
    #expect(findProgram("tool", directory: "/", searchPath: "/nowhere:\(folder.path)") == path)
    #expect(findProgram("./tool", directory: folder.path, searchPath: nil) == path)
    #expect(findProgram("x/../tool", directory: folder.path, searchPath: nil) == path)
    #expect(findProgram(folder.path, directory: "/", searchPath: nil) == nil)
  }

  @Test("a child reports why it could not be started, and how it ended")
  func child() async throws {
    func request(_ program: String, _ arguments: [String], _ directory: String) -> ChildRequest {
      ChildRequest(
        program: program, arguments: arguments, environment: [:], directory: directory,
        output: .pipe, parentDeathSignal: nil)
    }
    let missing = #expect(throws: ProgramError.self) {
      _ = try ChildProcess(request("/nowhere/program", ["program"], "/"))
    }
    #expect(missing?.message == "cannot run /nowhere/program: No such file or directory")
    let lost = #expect(throws: ProgramError.self) {
      _ = try ChildProcess(request("/bin/sh", ["sh"], "/nowhere"))
    }
    #expect(lost?.message == "cannot enter /nowhere: No such file or directory")
    let child = try ChildProcess(request("/bin/sh", ["sh", "-c", "exit 7"], "/"))
    try await eventually("it ends") { hasEnded(child) }
    #expect(child.reap() == .code(7))
    let killed = try ChildProcess(request("/bin/sh", ["sh", "-c", "kill -9 $$"], "/"))
    try await eventually("it ends") { hasEnded(killed) }
    #expect(killed.reap() == .signal(9))
  }
}
