import FuzzTargets
import Glibc

/// The target that `CS_FUZZ_TARGET` names.
private let target: FuzzTarget = {
  let name = getenv("CS_FUZZ_TARGET").map { String(cString: $0) } ?? ""
  if let target = FuzzTarget.all.first(where: { $0.name == name }) { return target }
  for target in FuzzTarget.all { print(target.name) }
  // Not `exit`: libFuzzer takes that for a failure of the target.
  fflush(nil)
  _exit(name == "list" ? 0 : 2)
}()

/// What libFuzzer calls with each input; its own `main` is the program's.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    try target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
  } catch {
    fatalError("\(target.name): \(error)")
  }
  return 0
}
