package import CloudstateModel
import Glibc

/// The time of day; may be called from any thread.
package func currentTime() -> Timestamp {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Timestamp(
    unixMilliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
}

/// Seconds east of UTC in the zone of this process at a time; may be called from any thread.
package func localOffset(_ time: Timestamp) -> Int {
  var seconds = time_t(time.unixMilliseconds / 1000)
  var local = tm()
  guard localtime_r(&seconds, &local) != nil else { return 0 }
  return local.tm_gmtoff
}
