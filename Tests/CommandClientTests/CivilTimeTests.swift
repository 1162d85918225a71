import CloudstateModel
import CommandClient
import TestSupport
import Testing

@Suite struct CivilTimeTests {
  @Test(
    "Known times are printed and read back",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
      (951_868_800_000, "2000-03-01T00:00:00.000Z"),
      (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
      (-1, "1969-12-31T23:59:59.999Z"), (4_102_444_799_000, "2099-12-31T23:59:59.000Z"),
    ] as [(Int64, String)])
  func known(milliseconds: Int64, text: String) {
    let time = Timestamp(unixMilliseconds: milliseconds)
    #expect(CivilTime(time).rfc3339 == text)
    #expect(CivilTime.timestamp(rfc3339: text) == time)
  }

  @Test("Every time reads back as what was printed")
  func roundTrip() {
    var random = SeededGenerator(seed: testSeed("civil time"))
    for _ in 0..<500 {
      let time = Timestamp(
        unixMilliseconds: .random(in: -10_000_000_000_000...100_000_000_000_000, using: &random))
      let text = CivilTime(time).rfc3339
      #expect(CivilTime.timestamp(rfc3339: text) == time, "\(text)")
    }
  }

  @Test("Offsets and fractions are understood")
  func variants() {
    let time = Timestamp(unixMilliseconds: 1_709_161_200_500)
    #expect(CivilTime.timestamp(rfc3339: "2024-02-29T00:00:00.5+01:00") == time)
    #expect(CivilTime.timestamp(rfc3339: "2024-02-28t20:30:00.5009-02:30") == time)
    #expect(CivilTime(time, offset: 3600).clock == "00:00:00.500")
  }

  @Test(
    "What is not RFC 3339 is refused",
    arguments: [
      "", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
      "2024-01-01T24:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
      "2024-01-01 00:00:00Z", "2024-01-01T00:00:00Zx", "2024-01-01T00:00:00+1:00", "10m",
    ])
  func refused(_ text: String) {
    #expect(CivilTime.timestamp(rfc3339: text) == nil)
  }
}
