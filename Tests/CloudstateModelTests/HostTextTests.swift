import CloudstateModel
import Testing

struct HostTextTests {
  @Test(
    "Only this machine has these",
    arguments: [
      "localhost", "LocalHost", "127.0.0.1", "127.255.3.4", "::1", "[::1]", "0:0:0:0:0:0:0:1",
      "0000::0001", "::ffff:127.0.0.1", "::FFFF:7f01:203", "0:0::1", "::0.0.0.1",
    ])
  func loopback(host: String) {
    #expect(HostText.isLoopback(host))
    #expect(!HostText.isUnspecified(host))
  }

  @Test(
    "Others may have these, or nobody",
    arguments: [
      "", "127.evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0",
      "127.1",
      "127.0.0.256", "127.0.0.01", "127.0.0.+1", "127.0.0.", ".127.0.0.1", "127.0.0.1 ",
      "1127.0.0.1",
      "128.0.0.1", "10.0.0.1", "lo", "::2", "1::1", "::1::", ":::1", "::1:", "1:::", "[::1", "::1]",
      "0:0:0:0:0:0:0:0:1", "0:0:0:0:0:0:1", "0:0:0:0:0:0:0::1", "::00001", "::+1", "::1%lo", "::g",
      "::ffff:128.0.0.1", "::127.0.0.1", "::ffff:127.0.0.1:0", "64:ff9b::127.0.0.1", "[]", "[", ":",
      "١٢٧.0.0.1",
    ])
  func others(host: String) {
    #expect(!HostText.isLoopback(host))
    #expect(!HostText.isUnspecified(host))
  }

  @Test(
    "No address in particular", arguments: ["0.0.0.0", "::", "[::]", "0::0", "::0.0.0.0"])
  func unspecified(host: String) {
    #expect(HostText.isUnspecified(host))
    #expect(!HostText.isLoopback(host))
  }
}
