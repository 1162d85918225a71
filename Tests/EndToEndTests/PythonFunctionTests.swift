import TestSupport
import Testing

/// The unmodified `cloudstate` 0.1.1 from PyPI, which serves about ten streams at once.
@Suite(.serialized) struct PythonFunctionTests {
  @Test(
    "A thousand carts, five commands each, from fifty concurrent clients, right after a restart too"
  )
  func thousandCarts() async throws {
    let python = try #require(pythonInterpreter, "set CS_PYTHON: see Scripts/test")
    let cluster = try await TestCluster(nodes: 1, function: .python(interpreter: python))
    let script = "\(repositoryFolder)/Tests/EndToEndTests/Clients/cart_load.py"
    let fill = try await runProgram(
      python, [script, "fill", "1000", "50", cluster.servers], within: .seconds(240))
    #expect(fill.status == .code(0), "\(fill.talk.suffix(2000))")
    try await cluster.stop()
    try await cluster.start()
    let check = try await runProgram(
      python, [script, "check", "1000", "50", cluster.servers], within: .seconds(240))
    #expect(check.status == .code(0), "\(check.talk.suffix(2000))")
    let events = try await cluster.allEvents()
    #expect(events.count == 5000)
  }
}
