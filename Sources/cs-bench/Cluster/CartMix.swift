import CloudstateModel

/// Reads and writes of shopping carts, mixed evenly over all carts: the nth call is always the same.
struct CartMix: Sendable {
  let carts: Int
  let shards: UInt32
  /// Of a hundred commands, those that read (`GetCart`); the others add an item.
  let readPercent: Int

  /// Whether the call stores an event. Each cart gets both kinds, in turns that differ from cart to cart.
  func stores(_ number: Int) -> Bool {
    (number / carts * 37 + number % carts * 61) % 100 >= readPercent
  }

  func shard(of number: Int) -> UInt32 {
    EntityKey(persistenceID: "shopping-cart", entityID: "user-\(number % carts)")
      .shardIndex(shardCount: shards)
  }

  func call(_ number: Int) -> UnaryCall {
    let cart = number % carts
    return stores(number)
      ? UnaryCall(
        path: Workload.durableEvents.path,
        message: CartMessages.addItem(cart: cart, product: number / carts % 5))
      : UnaryCall(
        path: "/com.example.shoppingcart.ShoppingCart/GetCart",
        message: CartMessages.getCart(cart))
  }
}
