import ShardStore
import Testing

@Suite("Memory budget")
struct MemoryBudgetTests {
  @Test(
    "sizes follow the limit within bounds",
    arguments: [(64, 2, 4), (256, 4, 16), (512, 8, 32), (1024, 16, 64), (65536, 16, 256)])
  func sizes(limit: Int, writeBuffers: Int, cache: Int) {
    let budget = MemoryBudget(limitBytes: limit << 20, source: .cgroup)
    #expect(budget.writeBufferBytes == writeBuffers << 20)
    #expect(budget.blockCacheBytes == cache << 20)
    #expect(budget.description.contains("\(limit) MiB (control group)"))
  }

  @Test("the lowest limit of the control groups counts")
  func controlGroups() {
    func limit(_ files: [String: String]) -> Int? {
      MemoryBudget.controlGroupLimit { files[$0] }
    }
    #expect(limit([:]) == nil)
    #expect(
      limit([
        "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "max\n",
        "/sys/fs/cgroup/a/memory.max": "1000000\n", "/sys/fs/cgroup/memory.max": "2000000\n",
      ]) == 1_000_000)
    #expect(
      limit([
        "/proc/self/cgroup": "4:cpu:/x\n5:memory:/x\n",
        "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "300000000\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
      ]) == 300_000_000)
    #expect(
      limit([
        "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "nonsense",
      ]) == nil)
  }

  @Test("a limit is found on this machine")
  func detection() {
    #expect(MemoryBudget.detect().limitBytes > 0)
  }
}
