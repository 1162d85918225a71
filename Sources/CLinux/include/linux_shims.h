#pragma once

// Linux calls that the Glibc module of Swift does not expose. Only thin, inline forms belong here.

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

/// Creates a non-blocking, close-on-exec event counter; -1 with `errno` set on failure.
static inline int cs_eventfd_create(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

/// Adds one to an event counter; 0 or -1 with `errno` set.
static inline int cs_eventfd_signal(int fd) {
  uint64_t one = 1;
  return write(fd, &one, sizeof one) == (ssize_t)sizeof one ? 0 : -1;
}

/// Resets an event counter to zero. Reading an already empty counter is not an error.
static inline void cs_eventfd_clear(int fd) {
  uint64_t value;
  ssize_t ignored = read(fd, &value, sizeof value);
  (void)ignored;
}
