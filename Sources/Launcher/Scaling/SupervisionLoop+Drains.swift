import CommandLineKit

/// Takes back drains of nodes that stay, also those of an earlier `cs-up`.
extension SupervisionLoop {
  /// Takes up what an earlier `cs-up` has left drained here.
  func recallDrains() {
    do throws(ProgramError) {
      drainNotes = try DrainNotes(in: run.layout)
    } catch {
      say("nodes that were drained may get no shards until cs-admin undrain: \(error.message)")
      return
    }
    guard !drainNotes.names.isEmpty else { return }
    let owed = drainNotes.owed(among: run.nodeNames)
    changeNotes { $0 = DrainNotes(names: Set(owed)) }
    guard !owed.isEmpty else { return }
    say(
      "the drain of \(owed.joined(separator: ", ")) is taken back: cs-up ended while it was under way"
    )
    for node in owed { undraining.add(node, at: now) }
  }

  /// Notes nodes before they are drained.
  ///
  /// - Throws: ``ProgramError`` when that is not on stable storage: they must not be drained.
  func rememberDrains(of nodes: [String]) throws(ProgramError) {
    var notes = drainNotes
    notes.add(nodes)
    try notes.save(in: run.layout)
    drainNotes = notes
  }

  /// The node is not drained any more, or has gone.
  func forgetDrain(of node: String) {
    guard drainNotes.names.contains(node) else { return }
    changeNotes { $0.remove(node) }
  }

  /// The node stays; until the coordinator has taken that in, the next start would have to tell it.
  func undrain(_ node: String) {
    undraining.add(node, at: now)
    if !drainNotes.names.contains(node) { changeNotes { $0.add([node]) } }
  }

  private func changeNotes(_ change: (inout DrainNotes) -> Void) {
    change(&drainNotes)
    do throws(ProgramError) {
      try drainNotes.save(in: run.layout)
    } catch {
      say("the next start may not know which drains to take back: \(error.message)")
    }
  }

  /// Sends what the coordinator has still to take in of nodes that stay. Called after every wait.
  func advanceUndraining() {
    guard !undraining.isEmpty else { return }
    guard !supervisor.isStopping else {
      let names = undraining.names
      undraining = Undraining()
      say(
        "the coordinator has not taken in that \(names.joined(separator: ", ")) stay: they get no shards until the "
          + "next start has told it")
      return
    }
    for node in undraining.due(at: now) {
      post("/undrain/\(node)") { [weak self] outcome in
        guard let self else { return }
        let isSettled =
          switch outcome {
          // There may be no such node any more; everything else is worth another try.
          case .answer(let answer): (200..<300).contains(answer.status) || answer.status == 404
          case .failed: false
          }
        undraining.ended(node, isSettled ? .settled : .silent, at: now)
        if isSettled { forgetDrain(of: node) }
      }
    }
  }
}
