package import CloudstateSDK

/// What the programs of this sample host.
package enum Sample {
  package static let descriptors = shoppingCartDescriptorSet
  package static let entities: [any CloudstateEntity.Type] = [ShoppingCart.self]
}
