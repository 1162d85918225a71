import NIOCore
import TestSupport
import Testing

@testable import GRPCTransport

@Suite struct GRPCWebFormatTests {
  @Test(
    "Content types of gRPC-Web, and what is none",
    arguments: [
      ("application/grpc-web", false, ""), ("application/grpc-web+proto", false, "+proto"),
      ("application/grpc-web-text", true, ""), ("application/grpc-web-text+proto", true, "+proto"),
      ("Application/gRPC-Web-Text", true, ""), ("application/grpc-web; charset=x", false, ""),
      (" application/grpc-web-text+proto ;q=1", true, "+proto"),
    ])
  func contentTypes(text: String, isText: Bool, subtype: String) {
    #expect(
      GRPCWebFormat(contentType: text) == GRPCWebFormat(isText: isText, subtype: subtype))
  }

  @Test(arguments: [
    nil, "", ";", "application/grpc", "application/grpc+proto", "application/grpc-webs",
    "application/grpc-web-texts", "application/grpc-web/x", "application/json",
  ])
  func otherContentTypes(text: String?) { #expect(GRPCWebFormat(contentType: text) == nil) }

  @Test(
    "The response is in the form that the client accepts, else in that of the request",
    arguments: [
      ("application/grpc-web", nil, "application/grpc-web"),
      ("application/grpc-web-text+proto", nil, "application/grpc-web-text+proto"),
      ("application/grpc-web-text", "*/*", "application/grpc-web-text"),
      (
        "application/grpc-web+proto", "application/grpc-web-text", "application/grpc-web-text+proto"
      ),
      ("application/grpc-web-text", "text/html, application/grpc-web", "application/grpc-web"),
      (
        "application/grpc-web", "application/grpc-web-text;q=0.9, application/grpc-web",
        "application/grpc-web-text"
      ),
    ] as [(String, String?, String)])
  func responses(request: String, accept: String?, expected: String) {
    #expect(
      GRPCWebFormat(contentType: request)?.response(accept: accept).contentType == expected)
  }

  @Test("One message of the largest size has room in a body")
  func bodyBound() {
    for bytes in [0, 1, 2, 3, 4, 1000, 1001, 1002] {
      let framed = [UInt8](repeating: 0, count: bytes + MessageDecoder.prefixBytes)
      let binary = GRPCWebFormat(isText: false, subtype: "")
      let text = GRPCWebFormat(isText: true, subtype: "")
      #expect(binary.maximumBodyBytes(forMessagesOf: bytes) == framed.count)
      #expect(text.maximumBodyBytes(forMessagesOf: bytes) >= Base64.encodePiece(framed).count)
    }
    #expect(GRPCWebFormat(isText: true, subtype: "").maximumBodyBytes(forMessagesOf: .max) == .max)
  }

  @Test(
    "Base64 in one or more pieces",
    arguments: [
      ("", ""), ("QQ==", "A"), ("QUI=", "AB"), ("QUJD", "ABC"), ("QUJDRA==", "ABCD"),
      ("QQ==QQ==", "AA"), ("QUI=QUJDQQ==", "ABABCA"), ("QQ", "A"), ("QQ==QUI", "AAB"),
    ])
  func pieces(text: String, expected: String) throws {
    let bytes = try #require(Base64.decodePieces(Array(text.utf8)))
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
  }

  @Test(arguments: [
    "Q", "QUJDR", "Q===", "=", "====", "QQ=", "QQ=Q", "QUI=Q", "QQ===", "QQ==\n", "Q Q=", "Q-_=",
    "ä===",
  ])
  func malformedPieces(text: String) {
    #expect(Base64.decodePieces(Array(text.utf8)) == nil)
  }

  @Test("What is encoded in pieces is read back, however it was divided")
  func roundTrip() throws {
    var random = SeededGenerator(seed: testSeed("base64 pieces"))
    for _ in 0..<500 {
      let pieces = (0..<Int.random(in: 0...4, using: &random)).map { _ in
        (0..<Int.random(in: 0...50, using: &random)).map { _ in
          UInt8.random(in: 0...255, using: &random)
        }
      }
      let text = pieces.flatMap { Base64.encodePiece($0) }
      #expect(Base64.decodePieces(text) == pieces.flatMap(\.self))
      let whole = pieces.flatMap(\.self)
      #expect(Base64.decode(Base64.encode(whole)) == whole)
    }
  }
}
