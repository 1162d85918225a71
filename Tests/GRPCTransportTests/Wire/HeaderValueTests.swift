import NIOCore
import NIOHPACK
import TestSupport
import Testing

@testable import GRPCTransport

@Suite struct HeaderValueTests {
  @Test(arguments: [
    ("1H", TimeAmount.hours(1)), ("2M", .minutes(2)), ("3S", .seconds(3)),
    ("4m", .milliseconds(4)), ("5u", .microseconds(5)), ("6n", .nanoseconds(6)),
    ("0S", .zero), ("99999999n", .nanoseconds(99_999_999)), ("00000001S", .seconds(1)),
    ("99999999H", GRPCTimeout.longest),
  ])
  func timeoutIsRead(text: String, expected: TimeAmount) {
    #expect(GRPCTimeout.parse(text) == expected)
  }

  @Test(arguments: ["", "S", "1", "-1S", "1s", "1.5S", "123456789S", "1SS", " 1S", "1 S", "S1"])
  func malformedTimeoutIsRefused(text: String) {
    #expect(GRPCTimeout.parse(text) == nil)
  }

  @Test func writtenTimeoutIsReadBackNeverShorter() throws {
    var random = SeededGenerator(seed: testSeed("timeouts"))
    for _ in 0..<2000 {
      let magnitude = Int64(1) << Int64.random(in: 0...58, using: &random)
      let timeout = TimeAmount.nanoseconds(Int64.random(in: 1...magnitude, using: &random))
      let text = GRPCTimeout.format(timeout)
      #expect(text.count <= 9)
      let back = try #require(GRPCTimeout.parse(text))
      #expect(back >= timeout || back == GRPCTimeout.longest)
      // Rounding costs at most one part in about a million, a minute at the far end.
      #expect((back - timeout).nanoseconds <= max(1, timeout.nanoseconds / 100_000))
    }
    #expect(GRPCTimeout.parse(GRPCTimeout.format(.zero)) == .nanoseconds(1))
  }

  @Test func percentCodingFollowsTheSpecification() {
    #expect(PercentCoding.encode("plain text") == "plain text")
    #expect(PercentCoding.encode("50%\n–") == "50%25%0A%E2%80%93")
    #expect(PercentCoding.decode("50%25%0a%E2%80%93") == "50%\n–")
    #expect(PercentCoding.decode("100%") == "100%")
    #expect(PercentCoding.decode("%zz%4") == "%zz%4")
  }

  @Test func percentCodingIsReversible() {
    var random = SeededGenerator(seed: testSeed("percent coding"))
    for _ in 0..<500 {
      let scalars = (0..<Int.random(in: 0...40, using: &random)).compactMap { _ in
        Unicode.Scalar(UInt32.random(in: 0...0x2fff, using: &random))
      }
      let text = scalars.reduce(into: "") { $0.unicodeScalars.append($1) }
      let encoded = PercentCoding.encode(text)
      #expect(encoded.utf8.allSatisfy { (0x20...0x7e).contains($0) })
      #expect(PercentCoding.decode(encoded) == text)
    }
  }

  @Test func aLongMessageIsCutAtACharacter() {
    let encoded = PercentCoding.encode(String(repeating: "–", count: 3000))
    #expect(encoded.utf8.count <= PercentCoding.maximumEncodedBytes)
    #expect(PercentCoding.decode(encoded).allSatisfy { $0 == "–" })
  }

  @Test(arguments: [
    ("127.0.0.1:9000", GRPCAddress.tcp(host: "127.0.0.1", port: 9000)),
    ("localhost:0", .tcp(host: "localhost", port: 0)),
    ("[::1]:9000", .tcp(host: "::1", port: 9000)),
    ("unix:/run/x.sock", .unixDomainSocket(path: "/run/x.sock")),
    ("unix:x.sock", .unixDomainSocket(path: "x.sock")),
  ])
  func addressIsReadAndWritten(text: String, address: GRPCAddress) {
    #expect(GRPCAddress(text) == address)
    #expect(address.description == text)
  }

  @Test(arguments: [
    "", ":", "localhost", "localhost:", ":9000", "::1:9000", "[::1]", "[]:1", "a:65536", "a:-1",
    "a:+1", "a b:1", "http://a:1", "unix:", "a:1x",
  ])
  func malformedAddressIsRefused(text: String) {
    #expect(GRPCAddress(text) == nil)
  }

  @Test func unixAddressAcceptsTheTripleSlash() {
    #expect(GRPCAddress("unix:///run/x") == .unixDomainSocket(path: "/run/x"))
    #expect(GRPCAddress("unix:" + String(repeating: "x", count: 108)) == nil)
  }

  @Test func httpStatusIsMapped() {
    let expected: [Int: GRPCStatus.Code] = [
      400: .internalError, 401: .unauthenticated, 403: .permissionDenied, 404: .unimplemented,
      429: .unavailable, 500: .unknown, 502: .unavailable, 503: .unavailable, 504: .unavailable,
      302: .unknown,
    ]
    for (http, code) in expected { #expect(GRPCStatus.fromHTTP(status: http).code == code) }
  }

  @Test(arguments: [
    ("application/grpc", true), ("application/grpc+proto", true),
    ("application/grpc; charset=x", true), ("application/grpc-web", false),
    ("application/json", false), ("", false),
  ])
  func contentTypeIsChecked(value: String, isGRPC: Bool) {
    #expect(isGRPCContentType(value) == isGRPC)
  }

  @Test func customMetadataCannotBreakTheHeaderBlock() {
    var metadata = GRPCMetadata()
    for (name, value) in [
      ("X-Upper", "1"), ("grpc-status", "0"), (":path", "/x"), ("connection", "close"),
      ("content-type", "text/plain"), ("bad name", "1"), ("evil", "a\r\nb"), ("", "1"),
      ("data-bin", "AAEC"), ("grpc-status-details-bin", "AA"),
    ] {
      metadata.add(name, value)
    }
    var headers = HPACKHeaders()
    headers.addCustom(metadata)
    #expect(
      headers.map(\.name) == ["x-upper", "data-bin", "grpc-status-details-bin"])
  }

  @Test func acceptEncodingIsAList() {
    #expect(MessageEncoding.acceptsGzip("identity, gzip,deflate"))
    #expect(!MessageEncoding.acceptsGzip("identity,gzipped"))
    #expect(!MessageEncoding.acceptsGzip(nil))
  }
}
