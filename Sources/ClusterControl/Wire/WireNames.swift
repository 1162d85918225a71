import CloudstateModel

// Reading names out of messages, shared by all conversions of this folder.

/// The error for a message that breaks its format.
func malformed(_ message: String) -> ClusterError { ClusterError(.malformedMessage, message) }

/// `text` for an error message: in quotes, and cut so that a hostile name cannot fill a log.
func quoted(_ text: String) -> String {
  text.count <= 80 ? "\"\(text)\"" : "\"\(text.prefix(80))...\""
}

func nodeID(_ text: String) throws(ClusterError) -> NodeID {
  guard let node = NodeID(text) else {
    throw malformed(
      "\(quoted(text)) is no legal node name: 1 to \(NodeID.maximumLength) of a-z A-Z 0-9 - _")
  }
  return node
}

func nodeIDs(_ texts: [String]) throws(ClusterError) -> [NodeID] {
  var nodes: [NodeID] = []
  for text in texts { nodes.append(try nodeID(text)) }
  return nodes
}

func serviceName(_ text: String) throws(ClusterError) -> ServiceName {
  guard let service = ServiceName(text) else {
    throw malformed(
      "\(quoted(text)) is no legal service name: 1 to \(ServiceName.maximumLength) of "
        + "a-z A-Z 0-9 - _")
  }
  return service
}
