/// Section 8.10: forwards, side effects and failures.
let crdtFollowUpCases: [TestCase] = replicatedCases(
  section: "8.10",
  [
    (
      .gcounter, "CFE1", "Forward",
      """
      I; C1 [inc(42)]; R1 gc(42) +gc(42); C2 [forward(X-id)]; FW2 X-id; C3 []; R3 gc(42); P
      """
    ),
    (
      .pncounter, "CFE2", "Forward with change",
      """
      I; C1 [chg(-42), forward(X-id)]; FW1 X-id +pn(-42); P
      """
    ),
    (
      .gset, "CFE3", "Effect",
      """
      I; C1 [add(one)]; R1 gs(one) +gs(one); C2 [effect(X-id)]; R2 gs(one) +se(X-id); C3 []; \
      R3 gs(one); P
      """
    ),
    (.orset, "CFE4", "Synchronous effect", "I; C1 [effectS(X-id)]; R1 os() +seS(X-id); P"),
    (
      .lwwregister, "CFE5", "Forward and effect",
      #"""
      I; C1 [effect(B-id), forward(A-id)]; FW1 A-id +lw("")+se(B-id); P
      """#
    ),
    (
      .flag, "CFE6", "Several effects",
      """
      I; C1 [effect(1), effect(2), effect(3)]; R1 fl(false) +se(1,2,3); P
      """
    ),
    (
      .ormap, "CFE7", "Effects and changes",
      """
      I; C1 [madd(P1), mupd(S1: add(a)), mupd(S1: add(b)), mupd(S1: add(c)), effect(1), effect(2), \
      effect(3)]; R1 om{S1: gs(a,b,c), P1: pn(0)} +om-(add S1: gs(a,b,c), P1: pn(0))+se(1,2,3); P
      """
    ),
    (.gcounter, "CFE8", "Failure", #"I; C1 [fail(expected failure)]; X1 "expected failure"; P"#),
    (
      .pncounter, "CFE9", "Connection survives failure",
      #"""
      I; C1 [chg(42)]; R1 pn(42) +pn(42); C2 [fail(expected failure)]; X2 "expected failure"; \#
      C3 []; R3 pn(42); P
      """#
    ),
  ])

/// Section 8.11: streamed commands and write consistency.
let crdtStreamCases: [TestCase] = replicatedCases(
  section: "8.11",
  [
    (
      .gcounter, "CST1", "Streaming",
      """
      I; CS1 {}; RS1 gc(0); C2 [inc(1)]; R2 gc(1) +gc(1); M1 gc(1); C3 [inc(2)]; R3 gc(3) +gc(2); \
      M1 gc(3); C4 [inc(3)]; R4 gc(6) +gc(3); M1 gc(6); P
      """
    ),
    (
      .gcounter, "CST2", "End by entity",
      """
      I; CS1 {end_state gc(3)}; RS1 gc(0); C2 [inc(1)]; R2 gc(1) +gc(1); M1 gc(1); C3 [inc(2)]; \
      R3 gc(3) +gc(2); M1 gc(3) end; C4 [inc(3)]; R4 gc(6) +gc(3); P
      """
    ),
    (
      .pncounter, "CST3", "Cancellation",
      """
      I; CS1 {cancel_update chg(-42)}; RS1 pn(0); C2 [chg(10)]; R2 pn(10) +pn(10); M1 pn(10); \
      C3 [chg(20)]; R3 pn(30) +pn(20); M1 pn(30); SC1; SR1 +pn(-42); C4 []; R4 pn(-12); \
      C5 [chg(30)]; R5 pn(18) +pn(30); P
      """
    ),
    (
      .pncounter, "CST4", "Empty stream with cancellation",
      """
      I; C1 [chg(10)]; R1 pn(10) +pn(10); CS2 {cancel_update chg(-42), empty}; RS2 -; SC2; \
      SR2 +pn(-42); C3 []; R3 pn(-32); P
      """
    ),
    (
      .gset, "CST5", "Effects on stream",
      """
      I; CS1 {effects [one, two synchronous]}; RS1 gs(); C2 [add(a)]; R2 gs(a) +gs(a); \
      M1 gs(a) +se(one)+seS(two); C3 [add(b)]; R3 gs(a,b) +gs(b); M1 gs(a,b) +se(one)+seS(two); P
      """
    ),
    (
      .gcounter, "CWC1", "Write consistency",
      """
      I; C1 [inc(1) with LOCAL]; R1 gc(1) +gc(1) LOCAL; C2 [inc(2) with MAJORITY]; \
      R2 gc(3) +gc(2) MAJORITY; C3 [inc(3) with ALL]; R3 gc(6) +gc(3) ALL; P
      """
    ),
  ])
