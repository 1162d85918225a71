import Foundation
import TestSupport
import Testing

/// `cs-tck` as a program, against programs.
struct CompatibilityKitTests {
  /// Runs `cs-tck` against a function that has just been started.
  private func test(
    _ function: String, _ arguments: [String] = []
  ) async throws -> ProgramResult {
    let folder = try TemporaryDirectory()
    let socket = "\(folder.path)/socket"
    let process = try TestProcess(
      builtProduct(function), environment: ["CLOUDSTATE_SOCKET": socket])
    defer { process.signal(SIGKILL) }
    return try await runTool("cs-tck", ["unix:\(socket)"] + arguments, within: .seconds(60))
  }

  @Test("The model function in Swift passes every case")
  func model() async throws {
    let folder = try TemporaryDirectory()
    let report = "\(folder.path)/tck.xml"
    let result = try await test("tck-model", ["--junit", report])
    #expect(result.status == .code(0), "\(result.output)\(result.talk)")
    #expect(result.output.hasSuffix("\n156 passed, 0 failed, 0 skipped\n"))
    let xml = try String(contentsOfFile: report, encoding: .utf8)
    #expect(xml.contains("<testsuites name=\"cs-tck\" tests=\"156\" failures=\"0\""))
  }

  @Test("Chosen cases come as JSON lines")
  func chosen() async throws {
    let result = try await test("tck-model", ["--only", "ESM4,VEM5", "-o", "jsonl"])
    #expect(result.status == .code(0))
    let lines = try result.jsonLines()
    #expect(lines.map { $0["case"] as? String } == ["ESM4", "VEM5"])
    #expect(lines.allSatisfy { $0["outcome"] as? String == "passed" })
  }

  @Test("A function without the model services passes nothing")
  func otherFunction() async throws {
    let result = try await test("shopping-cart")
    #expect(result.status == .code(1))
    #expect(result.output.hasSuffix("\n0 passed, 0 failed, 156 skipped\n"))
    #expect(result.talk.contains("no case ran"))
  }

  @Test(
    "The unmodified Python library keeps protocol 0.1, alone and behind a node",
    .timeLimit(.minutes(2)))
  func python() async throws {
    let python = try #require(pythonInterpreter, "set CS_PYTHON: see Scripts/test")
    let folder = try TemporaryDirectory()
    let (port, functionPort) = (try freePort(), try freePort())
    let interceptor = "unix:\(folder.path)/interceptor"
    let function = try TestProcess(
      python, ["\(repositoryFolder)/Sources/Samples/ShoppingCartPython/shopping_cart.py"],
      environment: ["HOST": "127.0.0.1", "PORT": "\(functionPort)"])
    let node = try TestProcess(
      builtProduct("cs-node"),
      [
        "--service", "cart", "--function", interceptor, "--listen", "127.0.0.1:\(port)", "--data",
        "\(folder.path)/data", "--shards", "4",
      ])
    let result = try await runTool(
      "cs-tck",
      [
        "127.0.0.1:\(functionPort)", "--suite", "cart", "--proxy", "127.0.0.1:\(port)", "--listen",
        interceptor, "--wait", "30s",
      ], within: .seconds(90))
    #expect(result.status == .code(0), "\(result.output)\(result.talk)")
    #expect(result.output.hasSuffix("\n7 passed, 0 failed, 0 skipped\n"))
    node.signal(SIGKILL)
    function.signal(SIGKILL)
  }

  @Test("A node with the model function passes the cases of proxies", .timeLimit(.minutes(2)))
  func node() async throws {
    let folder = try TemporaryDirectory()
    let (socket, interceptor) = ("\(folder.path)/function", "unix:\(folder.path)/interceptor")
    let port = try freePort()
    let function = try TestProcess(
      builtProduct("tck-model"), environment: ["CLOUDSTATE_SOCKET": socket])
    // Like every sidecar the node waits for its user function, which here comes later.
    let node = try TestProcess(
      builtProduct("cs-node"),
      [
        "--service", "tck", "--function", interceptor, "--listen", "127.0.0.1:\(port)", "--data",
        "\(folder.path)/data", "--shards", "4",
      ])
    let result = try await runTool(
      "cs-tck",
      [
        "unix:\(socket)", "--proxy", "127.0.0.1:\(port)", "--listen", interceptor, "--wait", "30s",
        "--only", "proxy",
      ], within: .seconds(90))
    #expect(result.status == .code(0), "\(result.output)\(result.talk)")
    #expect(result.output.hasSuffix("\n32 passed, 0 failed, 0 skipped\n"))
    node.signal(SIGKILL)
    function.signal(SIGKILL)
  }

  @Test("A node with the model function inside passes the same cases", .timeLimit(.minutes(2)))
  func tappedNode() async throws {
    let folder = try TemporaryDirectory()
    let tap = "unix:\(folder.path)/tap"
    let port = try freePort()
    // It waits for the kit with what it tells.
    let node = try TestProcess(
      builtProduct("tck-model-node"),
      [
        "--service", "tck", "--tap", tap, "--listen", "127.0.0.1:\(port)", "--data",
        "\(folder.path)/data", "--shards", "4",
      ])
    defer { node.signal(SIGKILL) }
    let result = try await runTool(
      "cs-tck", ["--proxy", "127.0.0.1:\(port)", "--tap", tap, "--wait", "30s"],
      within: .seconds(90))
    #expect(result.status == .code(0), "\(result.output)\(result.talk)")
    #expect(result.output.hasSuffix("\n32 passed, 0 failed, 0 skipped\n"))
    // What it told is not told again.
    let again = try await runTool(
      "cs-tck", ["--proxy", "127.0.0.1:\(port)", "--tap", tap, "--wait", "100ms"])
    #expect(again.status == .code(3))
    #expect(again.talk.contains("try: start the node anew with --tap unix:"))
  }

  @Test("A node with the model function inside answers, forwards, repeats effects and refuses")
  func embeddedNode() async throws {
    let folder = try TemporaryDirectory()
    let port = try freePort()
    let node = try TestProcess(
      builtProduct("tck-model-node"),
      [
        "--service", "tck", "--listen", "127.0.0.1:\(port)", "--data", "\(folder.path)/data",
        "--shards", "4", "--ready-file", "\(folder.path)/ready",
      ])
    defer { node.signal(SIGKILL) }
    try await eventually("the node is ready", within: .seconds(30)) {
      access("\(folder.path)/ready", R_OK) == 0
    }
    func send(_ method: String, _ body: String) async throws -> ProgramResult {
      try await runTool("cs-send", ["-s", "127.0.0.1:\(port)", method, body, "--raw"])
    }
    let model = "cloudstate.tck.model.EventSourcedTckModel/Process"
    let emitted = try await send(
      model, #"{"id":"a","actions":[{"emit":{"value":"x"}},{"emit":{"value":"y"}}]}"#)
    #expect(emitted.output.contains(#""message":"xy""#), "\(emitted.output)\(emitted.talk)")
    let failed = try await send(
      model, #"{"id":"a","actions":[{"emit":{"value":"z"}},{"fail":{"message":"no"}}]}"#)
    #expect(failed.status == .code(4), "\(failed.talk)")
    let kept = try await send(model, #"{"id":"a"}"#)
    #expect(kept.output.contains(#""message":"xy""#), "\(kept.output)\(kept.talk)")
    let forwarded = try await send(
      model, #"{"id":"a","actions":[{"forward":{"id":"b"}}]}"#)
    #expect(forwarded.status == .code(0), "\(forwarded.talk)")
    let action = "cloudstate.tck.model.action.ActionTckModel/ProcessUnary"
    let replied = try await send(
      action, #"{"groups":[{"steps":[{"reply":{"message":"hello"}}]}]}"#)
    #expect(replied.output.contains(#""message":"hello""#), "\(replied.output)\(replied.talk)")
  }

  @Test(
    "A node keeps what is promised when the kit plays its function", .timeLimit(.minutes(3)))
  func scripted() async throws {
    let command =
      "${bin}/cs-node --service tck --function ${function} --listen ${listen} --data ${data}"
    let result = try await runTool(
      "cs-tck",
      [
        "--proxy-command", "\(command) --shards 4", "--only", "scripted",
      ], within: .seconds(150))
    #expect(result.status == .code(0), "\(result.output)\(result.talk)")
    #expect(result.output.hasSuffix("\n56 passed, 0 failed, 0 skipped\n"))
  }

  @Test("Combinations are started, tested and summed up", .timeLimit(.minutes(2)))
  func combinations() async throws {
    let folder = try TemporaryDirectory()
    let file = "\(folder.path)/tck.yaml"
    func run(known: String, function: String = "${bin}/tck-model") async throws -> ProgramResult {
      try """
      version: 1
      combinations:
        - name: model
          function: { command: "\(function)", env: { HOST: "${host}", PORT: "${port}" } }
          suites: [model]
          wait: 5s
          expected-failures: \(known)
        - name: sidecar
          function: { command: "${bin}/tck-model", env: { HOST: "${host}", PORT: "${port}" } }
          proxy:
            command: >-
              ${bin}/cs-node --service tck --function ${function} --listen ${listen} --data ${data}
          suites: [proxy, scripted]
        - name: embedded
          function: embedded
          proxy:
            command: >-
              ${bin}/tck-model-node --service tck --tap ${tap} --listen ${listen} --data ${data}
          suites: [proxy]
      """.write(toFile: file, atomically: true, encoding: .utf8)
      return try await runTool(
        "cs-tck", ["run", file, "--only", "AM2,ESM4,ESP1,PVE1"], within: .seconds(60))
    }
    let good = try await run(known: "[]")
    #expect(good.status == .code(0), "\(good.output)\(good.talk)")
    #expect(
      good.output.hasSuffix(
        """

        combination  passed  failed  known  mended  skipped
        model             2       0      0       0        0  ok
        sidecar           2       0      0       0        0  ok
        embedded          1       0      0       0        0  ok

        """))
    let mended = try await run(known: "[{ case: AM2, reason: not yet }]")
    #expect(mended.status == .code(1))
    #expect(mended.output.contains("passes, but model expects it to fail: not yet"))
    let missing = try await run(known: "[]", function: "no-such-program")
    #expect(missing.status == .code(3))
    #expect(missing.talk.contains("there is no program no-such-program"))
    #expect(missing.output.contains("sidecar           2"))
    let typo = try await run(known: "[{ case: AMX, reason: typo }]")
    #expect(typo.status == .code(2))
    #expect(typo.talk.contains("tck.yaml:7:25: model runs no case 'AMX'"))
  }

  @Test("The example of combinations is in order")
  func example() async throws {
    let result = try await runTool(
      "cs-tck", ["run", "\(repositoryFolder)/Config/tck.yaml", "--combination", "nobody"])
    #expect(result.status == .code(2))
    #expect(result.talk.contains("one of swift-model, swift-sidecar, swift-embedded, python-cart"))
  }

  @Test("Mistakes and silence have statuses of their own")
  func statuses() async throws {
    let typo = try await runTool("cs-tck", ["--only", "ESM99"])
    #expect(typo.status == .code(2))
    #expect(typo.talk.contains("no case or group matches 'ESM99'"))
    #expect(try await runTool("cs-tck", ["here"]).status == .code(2))
    // Found out after the function was met, so it takes one.
    let taken = try await test(
      "tck-model", ["--proxy", "127.0.0.1:1", "--listen", "unix:/no/such"])
    #expect(taken.status == .code(2))
    #expect(taken.talk.contains("cannot listen on unix:/no/such"))
    let proxyCases = try await runTool("cs-tck", ["--only", "ESP1"])
    #expect(proxyCases.status == .code(2))
    #expect(proxyCases.talk.contains("try: cs-tck --proxy"))
    let both = try await runTool(
      "cs-tck", ["127.0.0.1:1", "--proxy", "127.0.0.1:1", "--tap", "127.0.0.1:2"])
    #expect(both.status == .code(2))
    #expect(both.talk.contains("--tap goes with --proxy"))
    let modelCases = try await runTool(
      "cs-tck", ["--proxy", "127.0.0.1:1", "--tap", "127.0.0.1:2", "--only", "ESM1"])
    #expect(modelCases.status == .code(2))
    #expect(modelCases.talk.contains("the user function, which is inside the proxy"))
    let folder = try TemporaryDirectory()
    let nobody = try await runTool("cs-tck", ["unix:\(folder.path)/socket", "--wait", "100ms"])
    #expect(nobody.status == .code(3))
    #expect(nobody.talk.contains("does not answer discovery"))
    let list = try await runTool("cs-tck", ["--list", "--only", "ESM20"])
    #expect(list.output == "ESM20  event-sourced: Failed command keeps no events\n")
  }
}
