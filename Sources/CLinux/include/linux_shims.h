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

/// Has the kernel send `signal` to this process when the thread that created it ends; 0 or -1 with
/// `errno` set. See prctl(2), PR_SET_PDEATHSIG.
static inline int cs_set_parent_death_signal(int signal) {
  return prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0, 0, 0);
}

/// The reading end of the process-wide pipe that diverted signals go to, non-blocking and
/// close-on-exec; created at the first call; -1 with `errno` set on failure. Any thread.
int cs_signal_pipe(void);

/// Writes the number of `signal` into the pipe of `cs_signal_pipe` whenever it arrives, instead of what
/// the signal did before; 0 or -1 with `errno` set. `cs_signal_pipe` must have succeeded.
int cs_signal_divert(int signal);
