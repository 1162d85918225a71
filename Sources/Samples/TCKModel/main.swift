import CloudstateSDK
import TCKProtocol

// Serves on HOST and PORT (default 127.0.0.1:8080), or on CLOUDSTATE_SOCKET.
await CloudstateServer(
  descriptors: tckModelDescriptorSet,
  entities: [
    EventSourcedModel.self, EventSourcedTwo.self, EventSourcedConfigured.self,
    ValueEntityModel.self, ValueEntityTwo.self, ValueEntityConfigured.self,
    CRDTModel.self, CRDTTwo.self, CRDTConfigured.self,
    EventSourcedEntityOne.self, EventSourcedEntityTwo.self,
  ],
  actions: [ActionModel(), ActionTwo(), EventLogSubscriber()]
).runMain()
