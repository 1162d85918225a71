import Launcher
import SettingsReading

extension FuzzTarget {
  /// A topology file.
  static let topologies = FuzzTarget("topologies") { input in
    var input = input
    let text = String(decoding: input.rest(), as: UTF8.self)
    var reader = TopologyReader(
      file: "t.yaml", folder: "/t", programs: "/bin", environment: { $0 == "HOME" ? "/home" : nil })
    do {
      let topology = try reader.read(text)
      try demand(topology.portProblems().isEmpty, "a topology with problems was read")
    } catch let refusal as InvalidSettings {
      try demand(!refusal.description.isEmpty, "a refusal without a reason")
    }
  }
}
