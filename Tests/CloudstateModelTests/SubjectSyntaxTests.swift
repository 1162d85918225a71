import CloudstateModel
import Testing

@Suite("Subjects and patterns are legal as in NATS")
struct SubjectSyntaxTests {
  @Test(arguments: [
    "foo", "foo.bar", "a.b.c.d", "foo*", "foo>", "*foo.b>r", "%", "cs.cmd.cart.AddItem", "é.ü",
    "$JS.x",
    "a.\u{301}b",
  ])
  func legalSubject(text: String) {
    #expect(Subject(text)?.text == text)
    #expect(SubjectPattern(text)?.text == text)
  }

  @Test(arguments: [
    "", ".", "foo.", ".foo", "foo..bar", "foo bar", "foo\t", "foo\n.bar", "\u{7f}", "foo.\0",
  ])
  func illegalEverywhere(text: String) {
    #expect(Subject(text) == nil)
    #expect(SubjectPattern(text) == nil)
  }

  @Test(arguments: ["*", ">", "foo.*", "*.foo", "foo.>", "*.*", "*.>", "foo.*.bar.>"])
  func wildcardsArePatternsOnly(text: String) {
    #expect(Subject(text) == nil)
    #expect(SubjectPattern(text)?.text == text)
  }

  @Test(arguments: [">.foo", "foo.>.bar", ">.>", "foo.>.", "*.>.*"])
  func tailWildcardIsLastOnly(text: String) {
    #expect(SubjectPattern(text) == nil)
  }

  @Test func lengthIsBounded() {
    #expect(Subject(String(repeating: "a", count: Subject.maximumLength)) != nil)
    #expect(Subject(String(repeating: "a", count: Subject.maximumLength + 1)) == nil)
    #expect(SubjectPattern(String(repeating: "a", count: Subject.maximumLength + 1)) == nil)
    let accents = String(repeating: "é", count: Subject.maximumLength / 2 + 1)
    #expect(Subject(accents) == nil, "length counts bytes")
  }

  @Test func equalityIsByBytes() throws {
    let composed = try #require(Subject("caf\u{e9}"))
    let decomposed = try #require(Subject("cafe\u{301}"))
    #expect(composed.text == decomposed.text, "the language takes the texts for equal")
    #expect(composed != decomposed)
    #expect(SubjectPattern(composed) != SubjectPattern(decomposed))
    #expect(!SubjectPattern(composed).matches(decomposed))
    var tree = SubjectTree<Int>()
    tree.insert(1, for: SubjectPattern(composed))
    #expect(tree.matches(of: composed) == [1])
    #expect(tree.matches(of: decomposed) == [])
  }

  @Test func combiningMarksDoNotHideDots() throws {
    let pattern = try #require(SubjectPattern("a.*"))
    let subject = try #require(Subject("a.\u{301}b"))
    #expect(pattern.matches(subject))
    #expect(SubjectPattern(subject).tokens == ["a", "\u{301}b"])
  }

  @Test func prefixes() throws {
    let subject = try #require(Subject("a.b.c.d"))
    #expect(subject.prefix(tokenCount: 1).text == "a")
    #expect(subject.prefix(tokenCount: 3).text == "a.b.c")
    #expect(subject.prefix(tokenCount: 4) == subject)
    #expect(subject.prefix(tokenCount: 9) == subject)
  }

  @Test func wellKnownSubjects() throws {
    let cart = try #require(ServiceName("cart"))
    let key = EntityKey(persistenceID: "shopping-cart", entityID: "user.1 *")
    let event = Subject.event(
      service: cart, entity: key, typeURL: "type.googleapis.com/com.example.ItemAdded")
    #expect(event.text == "cs.evt.cart.shopping-cart.user%2E1%20%2A.ItemAdded")
    #expect(Subject(event.text) == event)
    #expect(Subject.command(service: cart, method: "AddItem").text == "cs.cmd.cart.AddItem")
    #expect(Subject.notice(ShardID(service: cart, index: 7)).text == "cs.notice.cart.7")
    let node = try #require(NodeID("n1"))
    #expect(Subject.planAcknowledgement(node).text == "cs.plan.ack.n1")
    #expect(Subject.heartbeat(node).text == "cs.node.n1.heartbeat")
  }
}
