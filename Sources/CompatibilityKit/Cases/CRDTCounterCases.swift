/// Section 8.2: counters that only grow.
let gcounterCases: [TestCase] = replicatedCases(
  section: "8.2", .gcounter,
  [
    ("GC1", "Empty", "I; C1 []; R1 gc(0); P"),
    (
      "GC2", "Changes",
      """
      I; C1 [inc(42)]; R1 gc(42) +gc(42); C2 [inc(1), inc(2), inc(3)]; R2 gc(48) +gc(6); P
      """
    ),
    (
      "GC3", "Initial delta",
      """
      I(gc(42)); C1 [inc(123)]; R1 gc(165) +gc(123); P
      """
    ),
    (
      "GC4", "Empty, then delta",
      """
      I; D(gc(42)); C1 [inc(123)]; R1 gc(165) +gc(123); P
      """
    ),
    (
      "GC5", "Mixed",
      """
      I; C1 [inc(1)]; R1 gc(1) +gc(1); D(gc(2)); D(gc(3)); C2 []; R2 gc(6); C3 [inc(4)]; \
      R3 gc(10) +gc(4); D(gc(5)); C4 [inc(6)]; R4 gc(21) +gc(6); P
      """
    ),
    (
      "GC6", "Rehydrate",
      """
      I; C1 [inc(1)]; R1 gc(1) +gc(1); D(gc(2)); C2 []; R2 gc(3); C3 [inc(3)]; R3 gc(6) +gc(3); P; \
      I(gc(6)); C1 []; R1 gc(6); D(gc(4)); C2 [inc(5)]; R2 gc(15) +gc(5); P
      """
    ),
    (
      "GC7", "Delete from entity",
      """
      I; C1 [inc(42)]; R1 gc(42) +gc(42); C2 [delete]; R2 gc(42) +DEL; P
      """
    ),
    ("GC8", "Delete to entity", "I; delete; P"),
  ])

/// Section 8.3: counters that go up and down.
let pncounterCases: [TestCase] = replicatedCases(
  section: "8.3", .pncounter,
  [
    ("PN1", "Empty", "I; C1 []; R1 pn(0); P"),
    (
      "PN2", "Changes",
      """
      I; C1 [chg(1), chg(-2), chg(3)]; R1 pn(2) +pn(2); C2 [chg(-4), chg(5), chg(-6)]; \
      R2 pn(-3) +pn(-5); P
      """
    ),
    (
      "PN3", "Initial delta",
      """
      I(pn(42)); C1 [chg(-123)]; R1 pn(-81) +pn(-123); P
      """
    ),
    (
      "PN4", "Empty, then delta",
      """
      I; D(pn(-42)); C1 [chg(123)]; R1 pn(81) +pn(123); P
      """
    ),
    (
      "PN5", "Mixed",
      """
      I; C1 [chg(1)]; R1 pn(1) +pn(1); D(pn(-2)); D(pn(3)); C2 []; R2 pn(2); C3 [chg(-4)]; \
      R3 pn(-2) +pn(-4); D(pn(5)); C4 [chg(-6)]; R4 pn(-3) +pn(-6); P
      """
    ),
    (
      "PN6", "Rehydrate",
      """
      I; C1 [chg(1)]; R1 pn(1) +pn(1); D(pn(-2)); C2 []; R2 pn(-1); C3 [chg(3)]; R3 pn(2) +pn(3); \
      P; I(pn(2)); C1 []; R1 pn(2); D(pn(-4)); C2 [chg(5)]; R2 pn(3) +pn(5); P
      """
    ),
    (
      "PN7", "Delete from entity",
      """
      I; C1 [chg(42)]; R1 pn(42) +pn(42); C2 [delete]; R2 pn(42) +DEL; P
      """
    ),
    ("PN8", "Delete to entity", "I; delete; P"),
  ])
