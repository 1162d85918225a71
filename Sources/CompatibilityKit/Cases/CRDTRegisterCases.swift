/// Section 8.6: registers.
let lwwregisterCases: [TestCase] = replicatedCases(
  section: "8.6", .lwwregister,
  [
    ("LW1", "Empty", #"I; C1 []; R1 lw("") +lw(""); P"#),
    (
      "LW2", "Changes",
      """
      I; C1 [set(one)]; R1 lw(one) +lw(one); C2 [set(two)]; R2 lw(two) +lw(two); P
      """
    ),
    ("LW3", "Initial delta", "I(lw(one)); C1 []; R1 lw(one); P"),
    (
      "LW4", "Empty, then delta",
      """
      I; D(lw(one)); C1 []; R1 lw(one); P
      """
    ),
    (
      "LW5", "Mixed",
      """
      I; C1 [set(A)]; R1 lw(A) +lw(A); D(lw(B)); D(lw(C)); C2 []; R2 lw(C); C3 [set(D)]; \
      R3 lw(D) +lw(D); D(lw(D)); C4 [set(E)]; R4 lw(E) +lw(E); P
      """
    ),
    (
      "LW6", "Clocks",
      """
      I; C1 [set(A, REVERSE, 0)]; R1 lw(A) +lw(A, REVERSE, 0); C2 [set(A, CUSTOM, 123)]; \
      R2 lw(A) +lw(A, CUSTOM, 123); C2 [set(A, CUSTOM_AUTO_INCREMENT, 456)]; \
      R2 lw(A) +lw(A, CUSTOM_AUTO_INCREMENT, 456); P
      """
    ),
    (
      "LW7", "Rehydrate",
      """
      I; C1 [set(A)]; R1 lw(A) +lw(A); D(lw(B)); C2 []; R2 lw(B); C3 [set(C)]; R3 lw(C) +lw(C); P; \
      I(lw(C)); C1 []; R1 lw(C); D(lw(D)); C2 [set(E)]; R2 lw(E) +lw(E); P
      """
    ),
    (
      "LW8", "Delete from entity",
      """
      I; C1 [set(one)]; R1 lw(one) +lw(one); C2 [delete]; R2 lw(one) +DEL; P
      """
    ),
    ("LW9", "Delete to entity", "I; delete; P"),
  ])

/// Section 8.7: flags.
let flagCases: [TestCase] = replicatedCases(
  section: "8.7", .flag,
  [
    ("FL1", "Empty", "I; C1 []; R1 fl(false); P"),
    ("FL2", "Changes", "I; C1 [enable]; R1 fl(true) +fl(true); P"),
    (
      "FL3", "Initial delta",
      """
      I(fl(false)); C1 []; R1 fl(false); P; I(fl(true)); C1 []; R1 fl(true); P
      """
    ),
    (
      "FL4", "Empty, then delta",
      """
      I; D(fl(false)); C1 []; R1 fl(false); P; I; D(fl(true)); C1 []; R1 fl(true); P
      """
    ),
    (
      "FL5", "Mixed",
      """
      I; D(fl(false)); C1 []; R1 fl(false); C2 [enable]; R2 fl(true) +fl(true); D(fl(true)); \
      D(fl(false)); C3 []; R3 fl(true); P; I; D(fl(true)); C1 []; R1 fl(true); C2 [enable]; \
      R2 fl(true); D(fl(true)); D(fl(false)); C3 []; R3 fl(true); P
      """
    ),
    (
      "FL6", "Rehydrate",
      """
      I; C1 []; R1 fl(false); C2 [enable]; R2 fl(true) +fl(true); P; I(fl(true)); C1 []; \
      R1 fl(true); P
      """
    ),
    (
      "FL7", "Delete from entity",
      """
      I; C1 [enable]; R1 fl(true) +fl(true); C2 [delete]; R2 fl(true) +DEL; P
      """
    ),
    ("FL8", "Delete to entity", "I; delete; P"),
  ])
