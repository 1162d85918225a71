import CloudstateModel
import NIOCore
import Testing

@testable import CloudstateNode

@Suite struct ShardLeasesTests {
  private let shard: ShardID
  private let leases = ShardLeases()
  private var later: UInt64 { (NIODeadline.now() + .hours(1)).uptimeNanoseconds }

  init() throws { shard = ShardID(service: try #require(ServiceName("cart")), index: 3) }

  @Test("A lease is held from when the shard is served until it ends")
  func held() {
    #expect(!leases.isHeld(shard))
    leases.begin(shard, until: later)
    #expect(leases.isHeld(shard))
    leases.change(shard, to: NIODeadline.now().uptimeNanoseconds)
    #expect(!leases.isHeld(shard))
    leases.change(shard, to: later)
    #expect(leases.isHeld(shard))
  }

  @Test("What copies confirm after the shard was handed over brings no lease back")
  func handedOver() {
    leases.begin(shard, until: later)
    leases.end(shard)
    leases.change(shard, to: later)
    #expect(!leases.isHeld(shard))
    leases.begin(shard, until: later)
    #expect(leases.isHeld(shard))
  }
}
