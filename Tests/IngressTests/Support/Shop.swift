import CloudstateModel

/// The stateful service of all tests here.
let shop: ServiceName = {
  guard let name = ServiceName("shop") else { preconditionFailure("this is a legal name") }
  return name
}()
