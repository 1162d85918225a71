/// Where the files of a run lie under its data folder.
package struct RunLayout: Hashable, Sendable {
  /// Absolute.
  package let data: String

  package init(data: String) { self.data = data }

  /// Held by the `cs-up` that runs here.
  package var lock: String { "\(data)/cs-up.lock" }
  /// What runs, for `cs-up ps`.
  package var state: String { "\(data)/cs-up.json" }
  /// The nodes that ``DrainNotes`` are about.
  var drainNotes: String { "\(data)/cs-up.drained" }
  package var logs: String { "\(data)/logs" }
  /// What a supervisor in the background says.
  package var supervisorLog: String { "\(logs)/cs-up.log" }
  /// Ready files and sockets; emptied at each start.
  package var run: String { "\(data)/run" }

  /// The file, in ``run``, of the socket on which `cs-up` is told what to do.
  package static let controlSocket = "control.sock"

  package func log(_ process: String) -> String { "\(logs)/\(process).log" }
  package func readyFile(_ process: String) -> String { "\(run)/\(process).json" }
  package func socket(_ process: String) -> String { "\(run)/\(process).sock" }
  /// The folder of a process's links to the others, when the topology says `chaos: true`.
  package func links(_ process: String) -> String { "\(run)/links/\(process)" }
  package func storage(_ process: String) -> String { "\(data)/\(process)" }
}
