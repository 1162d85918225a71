import CloudstateSDK
import SwiftProtobuf
import Testing

@testable import ShoppingCartSample

/// The sample's behaviour as the compatibility kit describes it (kit section 11.1).
@Suite struct ShoppingCartTests {
  private typealias AddLineItem = Com_Example_Shoppingcart_AddLineItem
  private typealias RemoveLineItem = Com_Example_Shoppingcart_RemoveLineItem
  private typealias GetShoppingCart = Com_Example_Shoppingcart_GetShoppingCart
  private typealias LineItem = Com_Example_Shoppingcart_LineItem

  private var cart: EntityTester<ShoppingCart>

  init() throws { cart = try EntityTester(entityID: "user") }

  private mutating func add(_ product: String, _ quantity: Int32) throws {
    try cart.send(
      "AddItem",
      AddLineItem.with {
        $0.userID = "user"
        $0.productID = product
        $0.name = "Product \(product)"
        $0.quantity = quantity
      })
  }

  private mutating func remove(_ product: String) throws {
    try cart.send("RemoveItem", RemoveLineItem.with { $0.productID = product })
  }

  private mutating func items() throws -> [LineItem] {
    try cart.send(
      "GetCart", GetShoppingCart(), returning: Com_Example_Shoppingcart_Cart.self
    ).items
  }

  private func item(_ product: String, _ quantity: Int32) -> LineItem {
    .with {
      $0.productID = product
      $0.name = "Product \(product)"
      $0.quantity = quantity
    }
  }

  @Test("A new cart is empty") mutating func newCart() throws {
    #expect(try items() == [])
    #expect(cart.eventCount == 0)
  }

  @Test("Quantities of a product add up, and products keep the order of their first addition")
  mutating func addition() throws {
    try add("b", 1)
    try add("a", 2)
    try add("b", 11)
    #expect(try cart.emitted(ItemAdded.self).map(\.item.quantity) == [11])
    #expect(try items() == [item("b", 12), item("a", 2)])
  }

  @Test("Quantities below 1 fail and emit nothing", arguments: [0, -7] as [Int32])
  mutating func badQuantity(quantity: Int32) throws {
    #expect(throws: CommandFailure.self) { try add("a", quantity) }
    #expect(cart.eventCount == 0)
    #expect(!cart.wasRestarted)
  }

  @Test("A quantity that no number holds fails instead of ending the program")
  mutating func tooMany() throws {
    try add("a", .max)
    #expect(throws: CommandFailure.self) { try add("a", 1) }
    #expect(try items() == [item("a", .max)])
  }

  @Test("Removing takes the whole item; removing what is not there fails")
  mutating func removal() throws {
    try add("a", 3)
    try add("b", 1)
    try remove("a")
    #expect(try cart.emitted(ItemRemoved.self).map(\.productID) == ["a"])
    #expect(try items() == [item("b", 1)])
    #expect(throws: CommandFailure.self) { try remove("a") }
    #expect(cart.eventCount == 3)
  }

  @Test("A cart comes back from its events, and from a snapshot after a hundred of them")
  mutating func recovery() throws {
    try add("a", 1)
    try cart.restart()
    #expect(try items() == [item("a", 1)])
    #expect(cart.snapshotSequence == nil)
    for _ in 2...101 { try add("a", 1) }
    #expect(cart.snapshotSequence == 100)
    try cart.restart()
    #expect(try items() == [item("a", 101)])
  }
}
