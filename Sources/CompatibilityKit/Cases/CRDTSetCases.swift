/// Section 8.4: sets that only grow.
let gsetCases: [TestCase] = replicatedCases(
  section: "8.4", .gset,
  [
    ("GS1", "Empty", "I; C1 []; R1 gs(); P"),
    (
      "GS2", "Changes",
      """
      I; C1 [add(a), add(b)]; R1 gs(a,b) +gs(a,b); C2 [add(b), add(c)]; R2 gs(a,b,c) +gs(c); \
      C3 [add(c), add(a)]; R3 gs(a,b,c); P
      """
    ),
    (
      "GS3", "Initial delta",
      """
      I(gs(a,b,c)); C1 [add(c), add(d), add(e)]; R1 gs(a,b,c,d,e) +gs(d,e); P
      """
    ),
    (
      "GS4", "Empty, then delta",
      """
      I; D(gs(x,y)); C1 [add(z)]; R1 gs(x,y,z) +gs(z); P
      """
    ),
    (
      "GS5", "Mixed",
      """
      I; C1 [add(a)]; R1 gs(a) +gs(a); D(gs(a)); D(gs(b)); D(gs(c)); C2 []; R2 gs(a,b,c); \
      C3 [add(c), add(d), add(e)]; R3 gs(a,b,c,d,e) +gs(d,e); D(gs(f)); \
      C4 [add(g), add(d), add(b)]; R4 gs(a,b,c,d,e,f,g) +gs(g); P
      """
    ),
    (
      "GS6", "Rehydrate",
      """
      I; C1 [add(a)]; R1 gs(a) +gs(a); D(gs(b)); C2 []; R2 gs(a,b); C3 [add(c)]; \
      R3 gs(a,b,c) +gs(c); P; I(gs(a,b,c)); C1 []; R1 gs(a,b,c); D(gs(d)); C2 [add(e)]; \
      R2 gs(a,b,c,d,e) +gs(e); P
      """
    ),
    (
      "GS7", "Delete from entity",
      """
      I; C1 [add(x)]; R1 gs(x) +gs(x); C2 [delete]; R2 gs(x) +DEL; P
      """
    ),
    ("GS8", "Delete to entity", "I; delete; P"),
  ])

/// Section 8.5: sets whose elements can be removed.
let orsetCases: [TestCase] = replicatedCases(
  section: "8.5", .orset,
  [
    ("OS1", "Empty", "I; C1 []; R1 os(); P"),
    (
      "OS2", "Changes",
      """
      I; C1 [add(a), add(b)]; R1 os(a,b) +os-(add a,b); C2 [add(b), add(c)]; \
      R2 os(a,b,c) +os-(add c); C3 [add(c), add(a)]; R3 os(a,b,c); C4 [rem(b), rem(d)]; \
      R4 os(a,c) +os-(rem b); C5 [rem(c), rem(d), add(b), add(c)]; R5 os(a,b,c) +os-(add b); \
      C6 [clear]; R6 os() +os-(clear); C7 [add(a), clear, add(x)]; R7 os(x) +os-(clear; add x); P
      """
    ),
    (
      "OS3", "Initial delta",
      """
      I(os-(add a,b,c)); C1 [rem(c), add(d)]; R1 os(a,b,d) +os-(rem c; add d); P
      """
    ),
    (
      "OS4", "Empty, then delta",
      """
      I; D(os-(add x,y)); C1 [rem(x), add(z)]; R1 os(y,z) +os-(rem x; add z); P
      """
    ),
    (
      "OS5", "Mixed",
      """
      I; C1 [add(a)]; R1 os(a) +os-(add a); D(os-(add a,b)); D(os-(add c,d)); D(os-(rem b,d)); \
      C2 []; R2 os(a,c); C3 [add(c), add(d), add(e)]; R3 os(a,c,d,e) +os-(add d,e); \
      D(os-(rem a,c; add f)); C4 [add(g), rem(a), rem(d)]; R4 os(e,f,g) +os-(rem d; add g); \
      D(os-(clear; add x,y,z)); C5 [add(q), add(x), rem(z)]; R5 os(q,x,y) +os-(rem z; add q); \
      D(os-(rem x,y; add r,p)); C6 [add(s)]; R6 os(p,q,r,s) +os-(add s); D(os-(add a,b,c)); \
      C7 [clear, add(abc)]; R7 os(abc) +os-(clear; add abc); P
      """
    ),
    (
      "OS6", "Rehydrate",
      """
      I; C1 [add(a)]; R1 os(a) +os-(add a); D(os-(rem a; add b)); C2 []; R2 os(b); C3 [add(c)]; \
      R3 os(b,c) +os-(add c); P; I(os-(add b,c)); C1 []; R1 os(b,c); D(os-(clear; add p,q)); \
      C2 [add(x), add(y), rem(x)]; R2 os(p,q,y) +os-(add y); P
      """
    ),
    (
      "OS7", "Delete from entity",
      """
      I; C1 [add(x)]; R1 os(x) +os-(add x); C2 [delete]; R2 os(x) +DEL; P
      """
    ),
    ("OS8", "Delete to entity", "I; delete; P"),
  ])
