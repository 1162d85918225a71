import ChatSample
import CloudstateSDK

// Serves on HOST and PORT (default 127.0.0.1:8080), or on CLOUDSTATE_SOCKET.
await CloudstateServer(
  descriptors: Sample.descriptors, entities: Sample.entities
).runMain()
