/// Section 8.12: what a proxy has to do for a replicated entity, see ``ProxyCRDTScript``.
let crdtProxyCases: [TestCase] = [
  proxy(
    "CRP1", "State changes", "PNCounter",
    """
    call [] gives pn(0); conn I; in C1 []; out R1 pn(0); \
    call [chg(1), chg(-2), chg(3)] gives pn(2); in C2 [chg(1), chg(-2), chg(3)]; \
    out R2 pn(2) +pn(2); \
    call [chg(4), chg(-5), chg(6)] gives pn(7); in C3 [chg(4), chg(-5), chg(6)]; \
    out R3 pn(7) +pn(5); \
    call [delete] gives pn(7); in C4 [delete]; out R4 pn(7) +DEL; closed
    """),
  proxy(
    "CRP2", "Forwards and effects", "GSet",
    """
    call [add(one)] gives gs(one); conn I; in C1 [add(one)]; out R1 gs(one) +gs(one); \
    call [forward(id)] gives ""; in C2 [forward(id)]; out FW2 id; \
    conn two I; in two C1 []; out two R1 ""; \
    call [effect(id)] gives gs(one); in C3 [effect(id)]; out R3 gs(one) +se(id); \
    in two C2 []; out two R2 ""; \
    call [delete] gives gs(one); in C4 [delete]; out R4 gs(one) +DEL; closed; \
    call two [delete] gives ""; in two C3 [delete]; out two R3 "" +DEL; closed two
    """),
  proxy(
    "CRP3", "Failures", "GCounter",
    """
    call [inc(42)] gives gc(42); conn I; in C1 [inc(42)]; out R1 gc(42) +gc(42); \
    call [fail(expected failure)] fails "expected failure"; in C2 [fail(expected failure)]; \
    out X2 "expected failure"; \
    call [delete] gives gc(42); in C3 [delete]; out R3 gc(42) +DEL; closed
    """),
  proxy(
    "CRP4", "Streams as connection tracking", "Vote",
    """
    open A {}; A gets vt(false,0,1); conn I; in CS1 {}; out RS1 vt(false,0,1); \
    open B {initial_update self(true), cancel_update self(false), empty}; A gets vt(true,1,1); \
    in CS2 {initial_update self(true), cancel_update self(false), empty}; \
    out RS2 - +vd(true); out M1 vt(true,1,1); \
    B leaves; A gets vt(false,0,1); in SC2; out SR2 +vd(false); out M1 vt(false,0,1); \
    A leaves; in SC1; out SR1; \
    call [delete] gives vt(false,0,1); in C3 [delete]; out R3 vt(false,0,1) +DEL; closed
    """),
  proxy(
    "CRP5", "HTTP", "PNCounter",
    """
    post [] gives {"state":{"pncounter":{"value":"0"}}}; conn I; in C1 []; out R1 pn(0); \
    post two [] gives {}; conn two I; in two C1 []; out two R1 ""; \
    post [chg(42)] gives {"state":{"pncounter":{"value":"42"}}}; in C2 [chg(42)]; \
    out R2 pn(42) +pn(42); \
    post [fail(expected failure)] fails "expected failure"; in C3 [fail(expected failure)]; \
    out X3 "expected failure"; \
    post [chg(-123)] gives {"state":{"pncounter":{"value":"-81"}}}; in C4 [chg(-123)]; \
    out R4 pn(-81) +pn(-123); \
    post [delete] gives {"state":{"pncounter":{"value":"-81"}}}; in C5 [delete]; \
    out R5 pn(-81) +DEL; closed
    """),
  proxy(
    "CRP6", "Passivation", "Configured",
    """
    call configured [] gives ""; conn configured I; in configured C1 []; out configured R1 ""; \
    closed configured
    """, needs: [CRDTMessages.configuredService]),
]

private func proxy(
  _ id: String, _ title: String, _ idPrefix: String, _ text: String,
  needs: [String] = [CRDTMessages.service, CRDTMessages.vocabulary.targetService]
) -> TestCase {
  let script: ProxyCRDTScript
  do {
    script = try ProxyCRDTScript(parsing: text, idPrefix: idPrefix)
  } catch {
    // Scripts are written in this module, so a mistake in one is a bug.
    preconditionFailure("\(id): \(error)")
  }
  return TestCase(
    id: id, title: title, group: .crdt, section: "8.12", clause: text, needs: needs,
    procedure: .proxyCRDT(script))
}
