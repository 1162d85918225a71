import CloudstateSDK

/// Serves the shopping cart on `HOST` and `PORT`, or on `CLOUDSTATE_SOCKET`.
@main
struct Main {
  static func main() async throws {
    try await CloudstateServer(
      descriptors: shoppingCartDescriptorSet, entities: [ShoppingCart.self]
    ).run()
  }
}
