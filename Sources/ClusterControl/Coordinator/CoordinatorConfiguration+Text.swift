import CloudstateModel

extension CoordinatorConfiguration {
  /// Adds expected nodes from `SERVICE=COUNT`, or several of it separated by commas. A service
  /// named again gets the new number.
  ///
  /// - Throws: ``ClusterError`` with `.invalidConfiguration` that quotes what is wrong.
  package mutating func expectNodes(_ text: String) throws(ClusterError) {
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2, let service = ServiceName(String(sides[0])), let count = Int(sides[1])
      else {
        throw ClusterError(
          .invalidConfiguration,
          "\(quoted(String(part))) is not SERVICE=COUNT, such as cart=3")
      }
      expectedNodes[service] = count
    }
  }
}
