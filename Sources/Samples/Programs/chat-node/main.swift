import ChatSample
import CloudstateEmbedded

// The same as a node of its own, with the options of cs-node.
await EmbeddedNode(
  descriptors: Sample.descriptors, entities: Sample.entities
).runMain()
