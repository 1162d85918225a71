import CommandClient
import CommandLineKit
import Testing

@Suite struct MethodCatalogTests {
  private let catalog = MethodCatalog([
    entry("com.example.shoppingcart.ShoppingCart", "AddItem"),
    entry("com.example.shoppingcart.ShoppingCart", "GetCart"),
    entry("com.example.stock.Stock", "Get"),
    entry("org.other.Stock", "Get"),
    entry("org.other.Stock", "Watch", isStreaming: true),
  ])

  private static func entry(
    _ service: String, _ method: String, isStreaming: Bool = false
  ) -> MethodCatalog.Entry {
    MethodCatalog.Entry(
      service: service, method: method, inputType: "In", outputType: "Out",
      isStreaming: isStreaming)
  }

  @Test(
    "A method may be named in full, in part, with a leading slash, or by its subject",
    arguments: [
      ("ShoppingCart/AddItem", "/com.example.shoppingcart.ShoppingCart/AddItem"),
      ("shoppingcart.ShoppingCart/AddItem", "/com.example.shoppingcart.ShoppingCart/AddItem"),
      (
        "/com.example.shoppingcart.ShoppingCart/GetCart",
        "/com.example.shoppingcart.ShoppingCart/GetCart"
      ),
      ("stock.Stock/Get", "/com.example.stock.Stock/Get"),
      ("cs.cmd.cart.GetCart", "/com.example.shoppingcart.ShoppingCart/GetCart"),
    ])
  func resolution(typed: String, path: String) throws {
    #expect(try catalog.resolve(.init(typed)).path == path)
  }

  @Test(
    "What does not fit is refused with a status and the nearest name",
    arguments: [
      ("ShopingCart/AddItem", .notFound, "ShoppingCart/AddItem"),
      ("ShoppingCart/AddItme", .notFound, "ShoppingCart/AddItem"),
      ("Warehouse/GetCart", .notFound, "ShoppingCart/GetCart"),
      ("Stock/Get", .usage, "com.example.stock.Stock/Get"),
      ("cs.cmd.cart.Get", .usage, "Stock/Get"),
      ("cs.cmd.cart.GetCrat", .notFound, "GetCart"),
      ("org.other.Stock/Watch", .usage, nil),
    ] as [(String, CommandLineKit.ExitStatus, String?)])
  func refusals(typed: String, status: CommandLineKit.ExitStatus, hint: String?) {
    let error = #expect(throws: ProgramError.self) { try catalog.resolve(.init(typed)) }
    #expect(error?.status == status)
    #expect(error?.hint == hint)
  }

  @Test(
    "Texts of no known form are refused",
    arguments: [
      "", "AddItem", "a/b/c", "/AddItem", "Cart/", "cs.cmd.cart", "cs.cmd.cart.a.b",
    ])
  func malformed(_ text: String) {
    let error = #expect(throws: ProgramError.self) { try MethodCatalog.Target(text) }
    #expect(error?.status == .usage)
  }
}
