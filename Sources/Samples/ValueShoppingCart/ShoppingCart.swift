import CloudstateSDK
import SwiftProtobuf

typealias Cart = Com_Example_Valueentity_Shoppingcart_Persistence_Cart

/// One user's shopping cart, stored as a whole. Items are in the order of their product ids.
enum ShoppingCart: ValueEntity {
  static let serviceName = "com.example.valueentity.shoppingcart.ShoppingCart"
  static let persistenceID = "value-shopping-cart"

  static var behavior: ValueBehavior<Cart> {
    OnCommand("AddItem") { (context, command: Com_Example_Valueentity_Shoppingcart_AddLineItem) in
      guard command.quantity > 0 else {
        throw CommandFailure(
          "Cannot add \(command.quantity) of item \(command.productID): add at least 1.")
      }
      try context.update { cart in try cart.add(command) }
    }

    OnCommand("RemoveItem") {
      (context, command: Com_Example_Valueentity_Shoppingcart_RemoveLineItem) in
      try context.update { cart in
        guard let index = cart.items.firstIndex(where: { $0.productID == command.productID }) else {
          throw CommandFailure("Cannot remove item \(command.productID): it is not in the cart.")
        }
        cart.items.remove(at: index)
      }
    }

    OnCommand("GetCart") {
      (context, _: Com_Example_Valueentity_Shoppingcart_GetShoppingCart) in
      Com_Example_Valueentity_Shoppingcart_Cart(context.state ?? Cart())
    }

    OnCommand("RemoveCart") {
      (context, _: Com_Example_Valueentity_Shoppingcart_RemoveShoppingCart) in
      context.delete()
    }
  }
}

extension Cart {
  /// Adds to the item of the same product, or puts a new one in its place.
  fileprivate mutating func add(
    _ command: Com_Example_Valueentity_Shoppingcart_AddLineItem
  ) throws {
    let place = items.firstIndex { $0.productID >= command.productID } ?? items.endIndex
    if place < items.endIndex, items[place].productID == command.productID {
      let (sum, overflows) = items[place].quantity.addingReportingOverflow(command.quantity)
      guard !overflows else {
        throw CommandFailure(
          "Cannot add \(command.quantity) of item \(command.productID): too many.")
      }
      items[place].quantity = sum
    } else {
      let item = Com_Example_Valueentity_Shoppingcart_Persistence_LineItem.with {
        $0.productID = command.productID
        $0.name = command.name
        $0.quantity = command.quantity
      }
      items.insert(item, at: place)
    }
  }
}

extension Com_Example_Valueentity_Shoppingcart_Cart {
  /// The cart as callers see it.
  fileprivate init(_ stored: Cart) {
    self.init()
    items = stored.items.map { item in
      .with {
        $0.productID = item.productID
        $0.name = item.name
        $0.quantity = item.quantity
      }
    }
  }
}
