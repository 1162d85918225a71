import CloudstateSDK

// Serves on HOST and PORT (default 127.0.0.1:8080), or on CLOUDSTATE_SOCKET.
await CloudstateServer(
  descriptors: serviceDescriptors, entities: [Presence.self, Friends.self, Rooms.self]
).runMain()
