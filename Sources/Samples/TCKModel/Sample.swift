package import CloudstateSDK
import TCKProtocol

/// What the programs of this sample host.
package enum Sample {
  package static let descriptors = tckModelDescriptorSet
  package static let entities: [any CloudstateEntity.Type] = [
    EventSourcedModel.self, EventSourcedTwo.self, EventSourcedConfigured.self,
    ValueEntityModel.self, ValueEntityTwo.self, ValueEntityConfigured.self,
    CRDTModel.self, CRDTTwo.self, CRDTConfigured.self,
    EventSourcedEntityOne.self, EventSourcedEntityTwo.self,
  ]
  package static let actions: [any Action] = [
    ActionModel(), ActionTwo(), EventLogSubscriber(),
  ]
}
