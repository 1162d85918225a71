import AccessControl
import Testing

@Test("Principals with the same name differ by how they have shown it")
func principalsDifferByProof() {
  #expect(Principal(name: "ada", proof: .token) != Principal(name: "ada", proof: .certificate))
}
