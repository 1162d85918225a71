import Glibc
import TestSupport
import Testing

/// The samples as programs.
@Suite struct ShoppingCartProgramTests {
  @Test("It serves where it is told and stops cleanly", arguments: [SIGTERM, SIGINT])
  func stop(signal: Int32) async throws {
    let folder = try TemporaryDirectory()
    let program = try TestProcess(
      builtProduct("shopping-cart"), environment: ["CLOUDSTATE_SOCKET": "\(folder.path)/socket"])
    let line = try await program.waitForLine(containing: "serving")
    #expect(line.contains("com.example.shoppingcart.ShoppingCart on unix:\(folder.path)/socket"))
    program.signal(signal)
    #expect(try await program.waitForExit() == .code(0))
  }

  @Test("The value based one serves where it is told and stops cleanly")
  func valueBased() async throws {
    let folder = try TemporaryDirectory()
    let program = try TestProcess(
      builtProduct("value-shopping-cart"),
      environment: ["CLOUDSTATE_SOCKET": "\(folder.path)/socket"])
    let line = try await program.waitForLine(containing: "serving")
    #expect(line.contains("com.example.valueentity.shoppingcart.ShoppingCart on unix:"))
    program.signal(SIGTERM)
    #expect(try await program.waitForExit() == .code(0))
  }

  @Test("It ends with code 1 and the reason if it cannot start")
  func badPort() async throws {
    let program = try TestProcess(builtProduct("shopping-cart"), environment: ["PORT": "http"])
    #expect(try await program.waitForExit() == .code(1))
    #expect(program.output(.standardError).contains("PORT is 'http'"))
  }
}
