import CloudstateSDK
import SwiftProtobuf

typealias Cart = Com_Example_Shoppingcart_Persistence_Cart
typealias ItemAdded = Com_Example_Shoppingcart_Persistence_ItemAdded
typealias ItemRemoved = Com_Example_Shoppingcart_Persistence_ItemRemoved

/// One user's shopping cart. The state is the very message that snapshots store.
struct ShoppingCart: EventSourcedEntity {
  static let serviceName = "com.example.shoppingcart.ShoppingCart"
  static let persistenceID = "shopping-cart"

  /// Items in the order in which they were first added.
  var cart = Cart()

  static var behavior: Behavior<Self> {
    OnCommand("AddItem") { (context, command: Com_Example_Shoppingcart_AddLineItem) in
      guard command.quantity > 0 else {
        throw CommandFailure(
          "Cannot add \(command.quantity) of item \(command.productID): add at least 1.")
      }
      guard context.state.hasRoom(for: command) else {
        throw CommandFailure(
          "Cannot add \(command.quantity) of item \(command.productID): too many.")
      }
      context.emit(
        ItemAdded.with {
          $0.item.productID = command.productID
          $0.item.name = command.name
          $0.item.quantity = command.quantity
        })
    }

    OnCommand("RemoveItem") { (context, command: Com_Example_Shoppingcart_RemoveLineItem) in
      guard context.state.index(of: command.productID) != nil else {
        throw CommandFailure("Cannot remove item \(command.productID): it is not in the cart.")
      }
      context.emit(ItemRemoved.with { $0.productID = command.productID })
    }

    OnCommand("GetCart") { (context, _: Com_Example_Shoppingcart_GetShoppingCart) in
      Com_Example_Shoppingcart_Cart(context.state.cart)
    }

    OnEvent { (state, added: ItemAdded) in
      if let index = state.index(of: added.item.productID) {
        state.cart.items[index].quantity += added.item.quantity
      } else {
        state.cart.items.append(added.item)
      }
    }

    OnEvent { (state, removed: ItemRemoved) in
      state.cart.items.removeAll { $0.productID == removed.productID }
    }

    Snapshots(\.cart)
  }

  private func hasRoom(for command: Com_Example_Shoppingcart_AddLineItem) -> Bool {
    guard let index = index(of: command.productID) else { return true }
    return !cart.items[index].quantity.addingReportingOverflow(command.quantity).overflow
  }

  private func index(of productID: String) -> Int? {
    cart.items.firstIndex { $0.productID == productID }
  }
}

extension Com_Example_Shoppingcart_Cart {
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
