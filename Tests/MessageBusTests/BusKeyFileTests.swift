import Glibc
import TestSupport
import Testing
import ZeroMQ

@testable import MessageBus

@Suite("Key files of the bus")
struct BusKeyFileTests {
  private let directory: TemporaryDirectory
  private var path: String { "\(directory.path)/bus.key" }

  init() throws { directory = try TemporaryDirectory() }

  private func problem(of text: String) -> String {
    do {
      _ = try BusKeyText.parse(text, file: "bus.key")
      return "none"
    } catch {
      return error.message
    }
  }

  @Test("A key that is written can be read again, by its owner alone")
  func roundTrip() throws {
    let (old, new) = (try BusKey.make(), try BusKey.make())
    let key = BusKey(pair: new.pair, accepted: [old.pair.publicKey])
    try key.write(to: path, replacing: false)
    var facts = stat()
    try #require(stat(path, &facts) == 0)
    #expect(facts.st_mode & 0o777 == 0o600)
    #expect(try BusKey.read(path) == key)
    #expect(old.pair != new.pair)
  }

  @Test("A file that is there is replaced only when asked to, and nothing is left beside it")
  func replacing() throws {
    let (first, second) = (try BusKey.make(), try BusKey.make())
    try first.write(to: path, replacing: false)
    let error = #expect(throws: BusKeyError.self) { try second.write(to: path, replacing: false) }
    #expect(error?.isInTheWay == true)
    #expect(try BusKey.read(path) == first)
    try second.write(to: path, replacing: true)
    #expect(try BusKey.read(path) == second)
    #expect(try fileNames(in: directory.path) == ["bus.key"])
  }

  @Test(
    "Files that others can read or change are refused, a group may read",
    arguments: [(0o600, true), (0o400, true), (0o640, true), (0o644, false), (0o660, false)])
  func permissions(mode: Int, isUsable: Bool) throws {
    try BusKey.make().write(to: path, replacing: false)
    try #require(chmod(path, mode_t(mode)) == 0)
    if isUsable {
      _ = try BusKey.read(path)
    } else {
      let error = #expect(throws: BusKeyError.self) { try BusKey.read(path) }
      #expect(error?.message.contains("chmod 600 \(path)") == true)
    }
  }

  @Test("What is no file is named")
  func noFile() throws {
    for path in [directory.path, "\(directory.path)/missing"] {
      let error = #expect(throws: BusKeyError.self) { try BusKey.read(path) }
      #expect(error?.message.contains(path) == true)
    }
  }

  @Test("Mistakes are named with their line, and never show a secret")
  func mistakes() throws {
    let pair = try Curve.makeKeyPair()
    let other = try Curve.makeKeyPair().publicKey
    let (publicLine, secretLine) = ("public = \(pair.publicKey)", "secret = \(pair.secretKey.text)")
    let cases: [(text: String, problem: String)] = [
      ("\(publicLine)\n\(secretLine)", "none"),
      ("# x\r\n\r\n  \(publicLine)  \r\n\t\(secretLine)\r\naccept=\(other)\r\n", "none"),
      ("", "bus.key: public is missing"), (publicLine, "bus.key: secret is missing"),
      ("\(publicLine)\nsecret", "bus.key:2: write NAME = KEY"),
      ("\(publicLine)\nsecret = abc", "bus.key:2: not a key"),
      ("public = \(pair.publicKey)x\n\(secretLine)", "bus.key:1: not a key"),
      ("public = \(String(repeating: "~", count: 40))", "bus.key:1: not a key"),
      ("\(publicLine)\n\(secretLine)\n\(publicLine)", "bus.key:3: public is there twice"),
      ("\(publicLine)\n\(secretLine)\n\(secretLine)", "bus.key:3: secret is there twice"),
      ("\n\nkey = 1", "bus.key:3: 'key' is none of public, secret, accept"),
      ("public = \(other)\n\(secretLine)", "bus.key:1: the public key does not belong"),
      (
        "\(publicLine)\n\(secretLine)" + String(repeating: "\naccept = \(other)", count: 9),
        "bus.key:11: more than 8"
      ),
    ]
    for (text, expected) in cases {
      let problem = problem(of: text)
      #expect(problem.hasPrefix(expected), "\(problem)")
      #expect(!problem.contains(pair.secretKey.text))
    }
    #expect("\(pair)".contains("\(pair.publicKey)"))
    #expect(!"\(pair)".contains(pair.secretKey.text), "printing a pair shows no secret")
  }

  private func fileNames(in folder: String) throws -> [String] {
    guard let stream = opendir(folder) else { throw TestSetupError(what: "opendir", code: errno) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}

@Suite("Questions who may connect")
struct ZAPRequestTests {
  private func frames(_ change: (inout [[UInt8]]) -> Void = { _ in }) throws -> [[UInt8]] {
    var frames: [[UInt8]] = [
      [0, 1], [], Array("1.0".utf8), [7], Array("cloudstate.bus".utf8), Array("10.0.0.7".utf8), [],
      Array("CURVE".utf8), try Curve.makeKeyPair().publicKey.bytes,
    ]
    change(&frames)
    return frames
  }

  @Test("Accepted keys are admitted, others and other mechanisms are not")
  func verdicts() throws {
    let (own, other, third) = (try BusKey.make(), try BusKey.make(), try BusKey.make())
    let key = BusKey(pair: own.pair, accepted: [other.pair.publicKey])
    for (shown, isAdmitted) in [(own, true), (other, true), (third, false)] {
      let request = try #require(
        ZAPRequest(try frames { $0[8] = shown.pair.publicKey.bytes }))
      let verdict = request.verdict(of: key)
      #expect(
        verdict
          == (isAdmitted
            ? .admitted : .refused(address: "10.0.0.7", key: shown.pair.publicKey)))
      let reply = request.reply(verdict)
      #expect(reply[0...3] == [[0, 1], [], Array("1.0".utf8), [7]])
      #expect(String(decoding: reply[4], as: UTF8.self) == (isAdmitted ? "200" : "400"))
      #expect(reply.count == 8)
    }
    let plain = try #require(
      ZAPRequest(try frames { $0[7...8] = [Array("NULL".utf8)] }))
    #expect(plain.verdict(of: key) == .refused(address: "10.0.0.7", key: nil))
    let short = try #require(ZAPRequest(try frames { $0[8] = [1, 2] }))
    #expect(short.verdict(of: key) == .refused(address: "10.0.0.7", key: nil))
  }

  @Test("What is no question of version 1.0 is none")
  func malformed() throws {
    #expect(ZAPRequest([]) == nil)
    #expect(ZAPRequest(try frames { $0[2] = Array("2.0".utf8) }) == nil)
    #expect(ZAPRequest(try frames { $0.removeLast(2) }) == nil)
  }
}
