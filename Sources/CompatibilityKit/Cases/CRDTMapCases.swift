/// Section 8.8: maps; ``mapKeys`` tells their keys.
let ormapCases: [TestCase] = replicatedCases(
  section: "8.8", .ormap,
  [
    ("OM1", "Empty", "I; C1 []; R1 om{}; P"),
    (
      "OM2", "Changes",
      """
      I; C1 [madd(P1), madd(O1)]; R1 om{O1: os(), P1: pn(0)} +om-(add O1: os-(), P1: pn(0)); \
      C2 [madd(O1), mupd(L1: set(zero))]; \
      R2 om{L1: lw(zero), O1: os(), P1: pn(0)} +om-(add L1: lw(zero)); \
      C3 [mupd(P1: chg(42)), mupd(L1: set(one))]; \
      R3 om{L1: lw(one), O1: os(), P1: pn(42)} +om-(upd L1: lw(one), P1: pn(42)); \
      C4 [mupd(O1: add(a)), mupd(O1: add(b)), mupd(O1: add(c))]; \
      R4 om{L1: lw(one), O1: os(a,b,c), P1: pn(42)} +om-(upd O1: os-(add a,b,c)); \
      C5 [mupd(O1: rem(b)), mupd(O1: add(d)), mupd(P1: chg(-123)), mupd(L1: set(two))]; \
      R5 om{L1: lw(two), O1: os(a,c,d), P1: pn(-81)} +om-(upd L1: lw(two), O1: os-(rem b; add d), \
      P1: pn(-123)); C6 [mrem(O1)]; R6 om{L1: lw(two), P1: pn(-81)} +om-(rem O1); \
      C7 [mrem(L1), mupd(F1: enable)]; \
      R7 om{F1: fl(true), P1: pn(-81)} +om-(rem L1; add F1: fl(true)); C8 [mclear]; \
      R8 om{} +om-(clear); C9 [madd(P2), mclear, mupd(G1: inc(123))]; \
      R9 om{G1: gc(123)} +om-(clear; add G1: gc(123)); P
      """
    ),
    (
      "OM3", "Initial delta",
      """
      I(om-(add P1: pn(123), L1: lw(one), S1: gs(a,b,c))); C1 []; \
      R1 om{S1: gs(a,b,c), L1: lw(one), P1: pn(123)}; C2 [mrem(L1), mupd(P1: chg(-42))]; \
      R2 om{S1: gs(a,b,c), P1: pn(81)} +om-(rem L1; upd P1: pn(-42)); P
      """
    ),
    (
      "OM4", "Empty, then delta",
      """
      I; D(om-(add G1: gc(42), O1: os-(add a,b,c), F1: fl(false))); C1 []; \
      R1 om{F1: fl(false), G1: gc(42), O1: os(a,b,c)}; P
      """
    ),
    (
      "OM5", "Mixed",
      """
      I; C1 [madd(P1)]; R1 om{P1: pn(0)} +om-(add P1: pn(0)); D(om-(add O1: os-(add x))); \
      D(om-(upd O1: os-(add y,z); add L1: lw(one))); C2 [madd(O2), mupd(L2: set(two))]; \
      R2 om{L1: lw(one), L2: lw(two), O1: os(x,y,z), O2: os(), P1: pn(0)} +om-(add L2: lw(two), \
      O2: os-()); C3 [mupd(P1: chg(42)), mupd(L1: set(ONE))]; R3 om{L1: lw(ONE), L2: lw(two), \
      O1: os(x,y,z), O2: os(), P1: pn(42)} +om-(upd L1: lw(ONE), P1: pn(42)); \
      D(om-(rem L2; add M1: om-(add P1: pn(123)))); \
      D(om-(rem O1; upd O2: os-(add a,b,c), M1: om-(add L1: lw(ABC)))); \
      C4 [mupd(M1: mupd(P1: chg(-456)))]; R4 om{L1: lw(ONE), M1: om{L1: lw(ABC), P1: pn(-333)}, \
      O2: os(a,b,c), P1: pn(42)} +om-(upd M1: om-(upd P1: pn(-456))); \
      D(om-(clear; add S1: gs(1,2,3))); \
      C5 [mrem(P1), mrem(L1), mupd(S1: add(2)), mupd(S1: add(4)), mupd(S1: add(6))]; \
      R5 om{S1: gs(1,2,3,4,6)} +om-(upd S1: gs(4,6)); C6 [mclear, madd(G1)]; \
      R6 om{G1: gc(0)} +om-(clear; add G1: gc(0)); D(om-(rem S1; add G1: gc(42))); \
      C7 [mupd(G1: inc(7))]; R7 om{G1: gc(49)} +om-(upd G1: gc(7)); P
      """
    ),
    (
      "OM6", "Rehydrate",
      """
      I; D(om-(add P1: pn(123))); C1 [mupd(P1: chg(321))]; \
      R1 om{P1: pn(444)} +om-(upd P1: pn(321)); P; I(om-(add P1: pn(444))); C1 []; \
      R1 om{P1: pn(444)}; D(om-(upd P1: pn(-42))); C2 [mupd(P1: chg(-360))]; \
      R2 om{P1: pn(42)} +om-(upd P1: pn(-360)); P
      """
    ),
    (
      "OM7", "Delete from entity",
      """
      I; C1 [madd(F1)]; R1 om{F1: fl(false)} +om-(add F1: fl(false)); \
      C2 [mupd(F1: enable), delete]; R2 om{F1: fl(true)} +DEL; P
      """
    ),
    ("OM8", "Delete to entity", "I; delete; P"),
  ])
