import CloudstateEmbedded
import TCKModelSample

// The same as a node of its own, with the options of cs-node, and --tap for the proxy cases of cs-tck.
await EmbeddedNode(
  descriptors: Sample.descriptors, entities: Sample.entities, actions: Sample.actions
).runTappedMain()
