/// Section 8.9: votes.
let voteCases: [TestCase] = replicatedCases(
  section: "8.9", .vote,
  [
    ("VT1", "Empty", "I; C1 []; R1 vt(false,0,1); P"),
    (
      "VT2", "Changes",
      """
      I; C1 [self(true)]; R1 vt(true,1,1) +vd(true); C2 [self(true)]; R2 vt(true,1,1); \
      C3 [self(false)]; R3 vt(false,0,1) +vd(false); C4 [self(false)]; R4 vt(false,0,1); P
      """
    ),
    (
      "VT3", "Initial delta",
      """
      I(vt(true,2,3)); C1 []; R1 vt(true,2,3); C2 [self(false)]; R2 vt(false,1,3) +vd(false); P
      """
    ),
    (
      "VT4", "Empty, then delta",
      """
      I; D(vt(false,3,5)); C1 []; R1 vt(false,3,5); C2 [self(true)]; R2 vt(true,4,5) +vd(true); P
      """
    ),
    (
      "VT5", "Mixed",
      """
      I; D(vt(false,2,4)); C1 []; R1 vt(false,2,4); C2 [self(true)]; R2 vt(true,3,4) +vd(true); \
      D(vt(true,5,7)); D(vt(true,4,6)); C3 [self(false)]; R3 vt(false,3,6) +vd(false); P
      """
    ),
    (
      "VT6", "Rehydrate",
      """
      I; C1 []; R1 vt(false,0,1); D(vt(false,2,5)); C2 [self(true)]; R2 vt(true,3,5) +vd(true); P; \
      I(vt(true,3,5)); C1 []; R1 vt(true,3,5); C2 [self(false)]; R2 vt(false,2,5) +vd(false); P
      """
    ),
    (
      "VT7", "Delete from entity",
      """
      I; C1 [self(true)]; R1 vt(true,1,1) +vd(true); C2 [delete]; R2 vt(true,1,1) +DEL; P
      """
    ),
    ("VT8", "Delete to entity", "I; delete; P"),
  ])
