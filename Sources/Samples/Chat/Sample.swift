package import CloudstateSDK

/// What the programs of this sample host.
package enum Sample {
  package static let descriptors = serviceDescriptors
  package static let entities: [any CloudstateEntity.Type] = [
    Presence.self, Friends.self, Rooms.self,
  ]
}
