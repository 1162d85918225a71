import Foundation
import TestSupport
import Testing

/// Forwards and side effects from one service of a topology to another: a function in Python, without a library,
/// and the model function in Swift.
@Suite(.serialized, .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct TopologyCallTests {
  private static let model = "cloudstate.tck.model.EventSourcedTckModel/Process"
  /// As the text of a kinds.Request it is, at the same number, a request to the model to emit "x".
  private static let emit = #"\n\u0003\n\u0001x"#

  @Test("A forward is answered by another service, effects change it, and silence there is said")
  func otherService() async throws {
    let interpreter = try #require(pythonInterpreter)
    let stubs = try TemporaryDirectory()
    let made = try await runProgram(
      interpreter,
      [
        "\(repositoryFolder)/Tests/EndToEndTests/Kinds/kinds_stubs.py",
        "\(repositoryFolder)/Sources/CloudstateProtocol/Protos", stubs.path,
      ])
    try #require(made.status == .code(0), "\(made.talk)")
    let cluster = try await TestCluster(
      nodes: 1, function: .kinds(interpreter: interpreter, stubs: stubs.path), shards: 4)
    let (port, functionPort) = (try freePort(), try freePort())
    let function = try TestProcess(
      builtProduct("tck-model"), environment: ["HOST": "127.0.0.1", "PORT": "\(functionPort)"])
    let node = try TestProcess(
      builtProduct("cs-node"),
      [
        "--service", "model", "--function", "127.0.0.1:\(functionPort)", "--listen",
        "127.0.0.1:\(port)", "--coordinator", cluster.coordinatorEndpoint, "--data",
        "\(cluster.folder.path)/model", "--shards", "4", "--ready-file",
        "\(cluster.folder.path)/model.ready",
      ])
    try await eventually("the other service is ready", within: .seconds(30)) {
      access("\(cluster.folder.path)/model.ready", R_OK) == 0
    }

    func relay(_ fields: String) async throws -> ProgramResult {
      try await runTool(
        "cs-send",
        [
          "-s", cluster.nodes[0].address, "kinds.Relay/One", #"{"id":"a",\#(fields)}"#, "--raw",
          "--timeout", "20s",
        ])
    }
    func state() async throws -> String {
      try await runTool(
        "cs-send", ["-s", "127.0.0.1:\(port)", Self.model, #"{"id":"a"}"#, "--raw"]
      ).output
    }
    // Both replies have their text at the same number.
    try await eventually("the nodes know each other", within: .seconds(20)) {
      try await relay(#""text":"","forward":"\#(Self.model)""#).status == .code(0)
    }
    let forwarded = try await relay(#""text":"\#(Self.emit)","forward":"\#(Self.model)""#)
    #expect(forwarded.output.contains(#"{"text":"x"}"#), "\(forwarded.output)\(forwarded.talk)")
    let effect = try await relay(#""text":"\#(Self.emit)","effects":["!\#(Self.model)"]"#)
    #expect(effect.status == .code(0), "\(effect.talk)")
    #expect(try await state().contains(#""message":"xx""#))
    let unknown = try await relay(#""forward":"nobody.Serves/This""#)
    #expect(unknown.talk.contains("Error"), "\(unknown.talk)")
    try await eventually("the function hears what it asked for") {
      (cluster.nodes[0].function?.output(.standardOutput) ?? "").contains(
        "Service [nobody.Serves] unknown |   forwarded from kinds.Relay.One")
    }

    node.signal(SIGKILL)
    try await node.waitForExit()
    let gone = try await relay(#""text":"","forward":"\#(Self.model)""#)
    #expect(gone.status == .code(3), "\(gone.status) \(gone.talk)")
    function.signal(SIGKILL)
  }

  @Test(
    "A node that stops finishes the calls of other services, and those it cuts off it does not deny",
    arguments: [true, false])
  func stopping(finishes: Bool) async throws {
    let interpreter = try #require(pythonInterpreter)
    let stubs = try TemporaryDirectory()
    let made = try await runProgram(
      interpreter,
      [
        "\(repositoryFolder)/Tests/EndToEndTests/Kinds/kinds_stubs.py",
        "\(repositoryFolder)/Sources/CloudstateProtocol/Protos", stubs.path,
      ])
    try #require(made.status == .code(0), "\(made.talk)")
    let cluster = try await TestCluster(
      nodes: 1, function: .kinds(interpreter: interpreter, stubs: stubs.path), shards: 4)
    let folder = cluster.folder.path
    let (port, functionPort) = (try freePort(), try freePort())
    let function = try TestProcess(
      interpreter,
      [
        "\(repositoryFolder)/Tests/EndToEndTests/Kinds/events_function.py", stubs.path,
        "\(functionPort)",
      ])
    let node = try TestProcess(
      builtProduct("cs-node"),
      [
        "--service", "events", "--function", "127.0.0.1:\(functionPort)", "--listen",
        "127.0.0.1:\(port)", "--coordinator", cluster.coordinatorEndpoint, "--data",
        "\(folder)/events", "--shards", "4", "--ready-file", "\(folder)/events.ready",
        "--shutdown-grace", finishes ? "60s" : "500ms",
      ])
    try await eventually("the other service is ready", within: .seconds(30)) {
      access("\(folder)/events.ready", R_OK) == 0
    }

    func arguments(_ file: String) -> [String] {
      [
        "-s", cluster.nodes[0].address, "kinds.Relay/One",
        #"{"id":"a","text":"\#(file)","forward":"events.Watcher/Wait"}"#, "--raw", "--timeout",
        "50s",
      ]
    }
    let there = "\(folder)/there"
    try "".write(toFile: there, atomically: true, encoding: .utf8)
    try await eventually("the nodes know each other", within: .seconds(20)) {
      try await runTool("cs-send", arguments(there)).status == .code(0)
    }
    let release = "\(folder)/release"
    let call = try TestProcess(builtProduct("cs-send"), arguments(release))
    _ = try await function.waitForLine(containing: "waiting \(release)", in: .standardOutput)
    node.signal(SIGTERM)
    if finishes {
      try await eventually("it takes no more calls", within: .seconds(30)) {
        try await runTool("cs-send", arguments(there)).status == .code(3)
      }
      #expect(node.exitIfEnded() == nil, "it waits for the call")
      try "".write(toFile: release, atomically: true, encoding: .utf8)
    }
    let exit = try await call.waitForExit(within: .seconds(40))
    let talk = call.output(.standardOutput) + call.output(.standardError)
    #expect((exit == .code(0)) == finishes, "\(exit) \(talk)")
    #expect(talk.contains(finishes ? "waited" : "may or may not have run"), "\(talk)")
    #expect(try await node.waitForExit(within: .seconds(30)) == .code(0))
    function.signal(SIGKILL)
  }
}
