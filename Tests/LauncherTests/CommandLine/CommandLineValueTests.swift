import CommandLineKit
import SettingsReading
import Testing

@Suite("Values of the command line")
struct CommandLineValueTests {
  @Test(
    "durations are read and written",
    arguments: [
      ("250ms", Duration.milliseconds(250), "250ms"), ("10s", .seconds(10), "10s"),
      ("5m", .seconds(300), "5m"), ("90s", .seconds(90), "90s"), ("24h", .seconds(86_400), "24h"),
      ("1h30m", .seconds(5400), "90m"), ("0", .zero, "0s"), ("15us", .microseconds(15), "15us"),
      ("7ns", .nanoseconds(7), "7ns"), ("2d", .seconds(172_800), "48h"),
    ])
  func durations(text: String, value: Duration, written: String) throws {
    #expect(try Duration(text: text) == value)
    #expect(value.text == written)
    #expect(try Duration(text: written) == value)
  }

  @Test(
    "texts that are no durations are refused",
    arguments: [
      "", "10", "s", "-5s", "1.5s", "10 s", "5x", "1m 30s", "999999999999999999999s", "292000000d",
    ])
  func badDurations(text: String) {
    #expect(throws: DurationSyntaxError.self) { try Duration(text: text) }
  }

  @Test(
    "the nearest word is suggested",
    arguments: [
      ("shard", "shards"), ("nodse", "nodes"), ("SERVICES", "services"),
      (
        "passivation-timeout",
        "passivation_timeout"
      ), ("colour", nil), ("", nil),
    ])
  func nearestWord(word: String, expected: String?) {
    let known = ["name", "nodes", "shards", "services", "passivation_timeout"]
    #expect(nearest(to: word, among: known) == expected)
  }

  @Test("JSON keeps the order of keys and escapes what must be escaped")
  func json() {
    let document = JSONText.object([
      ("z", 1), ("a", [true, .null, .number(1.5), .number(.infinity)]),
      ("text", .string("q\" b\\ n\n t\t c\u{1} l\u{2028} ü 🛒")), ("raw", .raw("{\"x\":1}")),
      ("empty", .object([])), ("large", .unsigned(.max)),
    ])
    let expected =
      #"{"z":1,"a":[true,null,1.5,null],"#
      + #""text":"q\" b\\ n\n t\t c\u0001 l\u2028 ü 🛒","raw":{"x":1},"#
      + #""empty":{},"large":18446744073709551615}"#
    #expect(document.compact == expected)
    let small = JSONText.object([("a", [1]), ("b", [])])
    #expect(small.pretty == "{\n  \"a\": [\n    1\n  ],\n  \"b\": []\n}")
  }

  @Test("A JSON document that came as text is laid out as one that is written")
  func prettyDocument() {
    let document = JSONText.object([
      ("z", [1, [], [.object([])], .object([("a", "[b, {c: \"d\\"), ("e", .null)])]),
      ("empty", .object([])), ("large", .unsigned(.max)),
    ])
    #expect(JSONText.pretty(document: document.compact) == document.pretty)
    #expect(JSONText.pretty(document: document.pretty) == document.pretty)
    #expect(JSONText.pretty(document: "[ ]") == "[]")
  }
}
