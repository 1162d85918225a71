import CloudstateSDK
import SwiftProtobuf
import Testing

@testable import ValueShoppingCartSample

/// The value based sample's behaviour as the compatibility kit describes it (kit section 11.2).
@Suite struct ValueShoppingCartTests {
  private typealias LineItem = Com_Example_Valueentity_Shoppingcart_LineItem

  private var cart: ValueEntityTester<ShoppingCart>

  init() throws { cart = try ValueEntityTester(entityID: "user") }

  private mutating func add(_ product: String, _ quantity: Int32) throws {
    try cart.send(
      "AddItem",
      Com_Example_Valueentity_Shoppingcart_AddLineItem.with {
        $0.userID = "user"
        $0.productID = product
        $0.name = "Product \(product)"
        $0.quantity = quantity
      })
  }

  private mutating func remove(_ product: String) throws {
    try cart.send(
      "RemoveItem",
      Com_Example_Valueentity_Shoppingcart_RemoveLineItem.with { $0.productID = product })
  }

  private mutating func items() throws -> [LineItem] {
    try cart.send(
      "GetCart", Com_Example_Valueentity_Shoppingcart_GetShoppingCart(),
      returning: Com_Example_Valueentity_Shoppingcart_Cart.self
    ).items
  }

  private func item(_ product: String, _ quantity: Int32) -> LineItem {
    .with {
      $0.productID = product
      $0.name = "Product \(product)"
      $0.quantity = quantity
    }
  }

  @Test("A new cart is empty and reading it stores nothing") mutating func newCart() throws {
    #expect(try items() == [])
    #expect(!cart.wasStored)
    #expect(cart.state == nil)
  }

  @Test("Quantities of a product add up, and products are in the order of their ids")
  mutating func addition() throws {
    try add("b", 1)
    try add("c", 3)
    try add("a", 2)
    try add("b", 11)
    #expect(try items() == [item("a", 2), item("b", 12), item("c", 3)])
    try cart.restart()
    #expect(try items() == [item("a", 2), item("b", 12), item("c", 3)])
  }

  @Test("Quantities below 1, and sums that are too large, fail and store nothing")
  mutating func badQuantity() throws {
    for quantity in [0, -7] as [Int32] {
      #expect(throws: CommandFailure.self) { try add("a", quantity) }
      #expect(cart.state == nil)
    }
    try add("a", .max)
    #expect(throws: CommandFailure.self) { try add("a", 1) }
    #expect(try items() == [item("a", .max)])
  }

  @Test("Removing takes the whole item; removing what is not there fails")
  mutating func removal() throws {
    #expect(throws: CommandFailure.self) { try remove("a") }
    try add("a", 3)
    try add("b", 1)
    try remove("a")
    #expect(try items() == [item("b", 1)])
    #expect(throws: CommandFailure.self) { try remove("a") }
    #expect(!cart.wasStored)
  }

  @Test("A removed cart is forgotten and can be filled again")
  mutating func forgetting() throws {
    try add("a", 3)
    try cart.send("RemoveCart", Com_Example_Valueentity_Shoppingcart_RemoveShoppingCart())
    #expect(cart.state == nil)
    try cart.restart()
    #expect(try items() == [])
    try add("b", 1)
    #expect(try items() == [item("b", 1)])
  }

  @Test("The descriptors describe the service")
  func descriptors() throws {
    let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: valueShoppingCartDescriptorSet)
    let services = set.file.filter { $0.package == "com.example.valueentity.shoppingcart" }
      .flatMap(\.service)
    #expect(services.map(\.name) == ["ShoppingCart"])
    #expect(
      services.first?.method.map(\.name) == ["AddItem", "RemoveItem", "GetCart", "RemoveCart"])
  }
}
