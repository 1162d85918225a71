/// Sections 8.1 to 8.11: what a library has to do for a replicated entity. The scripts are the
/// specification's own, see ``CRDTScript``.
let crdtModelCases: [TestCase] =
  crdtDiscoveryCases + gcounterCases + pncounterCases + gsetCases + orsetCases + lwwregisterCases
  + flagCases + ormapCases + voteCases + crdtFollowUpCases + crdtStreamCases

private let crdtDiscoveryCases = [
  TestCase(
    "CRM1", "Discovery", .crdt, section: "8.1",
    discovering: [
      DeclaredEntity(service: CRDTMessages.service, type: crdtType),
      DeclaredEntity(service: CRDTMessages.vocabulary.targetService, type: crdtType),
    ]),
  TestCase(
    "CRM2", "Configured entity", .crdt, section: "8.1",
    discovering: [
      DeclaredEntity(
        service: CRDTMessages.configuredService, type: crdtType, passivationMilliseconds: 100)
    ]),
]

private let crdtType = "cloudstate.crdt.Crdt"

/// Cases of one data type: id, title, script.
func replicatedCases(
  section: String, _ type: ReplicatedType, _ rows: [(id: String, title: String, script: String)]
) -> [TestCase] {
  replicatedCases(
    section: section,
    rows.map { (type, $0.id, "\(type.rawValue): \($0.title.lowercased())", $0.script) })
}

/// Cases of several data types.
func replicatedCases(
  section: String,
  _ rows: [(type: ReplicatedType, id: String, title: String, script: String)]
) -> [TestCase] {
  rows.map { row in
    let script: CRDTScript
    do {
      script = try CRDTScript(parsing: row.script, type: row.type)
    } catch {
      // Scripts are written in this module, so a mistake in one is a bug.
      preconditionFailure("\(row.id): \(error)")
    }
    return TestCase(
      id: row.id, title: row.title, group: .crdt, section: section, clause: row.script,
      needs: [CRDTMessages.service, CRDTMessages.vocabulary.targetService],
      procedure: .crdt(script))
  }
}
