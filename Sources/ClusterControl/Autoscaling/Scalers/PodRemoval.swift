/// A pod of a Deployment, as far as it matters to which one is removed first.
struct DeploymentPod: Hashable, Sendable {
  var name: String
  /// It has neither ended nor is it being removed, so it is one of those that are counted.
  var isActive: Bool
  var isReady: Bool
  /// The value of ``PodRemoval/annotation``.
  var deletionCost: String?
}

/// What has to be done before a Deployment is asked for fewer pods, so that those go that were drained.
///
/// Of too many pods Kubernetes removes those first that do not run or are not ready, and of the others those with the
/// lowest deletion cost (reference of annotations, `controller.kubernetes.io/pod-deletion-cost`; 0 if there is none).
/// So exactly the drained ones must have the lowest cost, all others must be ready, and as many must be too many as are
/// drained. The order is promised as best effort: who decides may not have seen yet what was just marked. So marking is a
/// step of its own, and the number follows when it is asked for again.
enum PodRemoval: Hashable, Sendable {
  static let annotation = "controller.kubernetes.io/pod-deletion-cost"
  /// The lowest there is, an `Int32`: no pod has a lower one, and hardly anybody else sets it.
  static let lowestCost = String(Int32.min)

  /// Others than the drained ones would or could go; why, for people.
  case held(String)
  /// These are to have ``lowestCost``, and those are to have none any more: they were to go once, and stay.
  case mark([String], unmark: [String])
  /// The smaller number may be asked for.
  case ready

  /// - Parameters:
  ///   - pods: all of the deployment.
  ///   - leaving: the names of the drained nodes, which must be those of their pods.
  ///   - scale: the number of pods to ask for.
  static func decide(_ pods: [DeploymentPod], leaving: [String], scale: Int) -> PodRemoval {
    let active = pods.filter(\.isActive).sorted { $0.name < $1.name }
    let leaving = leaving.sorted()
    let names = leaving.joined(separator: ", ")
    guard !leaving.isEmpty else { return .held("no node is drained for that") }
    if let stranger = leaving.first(where: { name in !active.contains { $0.name == name } }) {
      return .held(
        "node \(stranger) is drained, and there is no pod of that name; give nodes the names of their pods "
          + "(cs-node --node-id, from the field metadata.name), or scale by a command")
    }
    let surplus = max(0, active.count - scale)
    guard surplus == leaving.count else {
      return .held(
        "of \(active.count) pods \(surplus) would be removed, but drained are \(leaving.count) (\(names))"
      )
    }
    let staying = active.filter { !leaving.contains($0.name) }
    if let unready = staying.first(where: { !$0.isReady }) {
      return .held(
        "pod \(unready.name) is not ready and would be removed before the drained (\(names))")
    }
    let marked = active.filter { $0.deletionCost == lowestCost }.map(\.name)
    let unmarked = leaving.filter { !marked.contains($0) }
    let outdated = marked.filter { !leaving.contains($0) }
    return unmarked.isEmpty && outdated.isEmpty ? .ready : .mark(unmarked, unmark: outdated)
  }
}
