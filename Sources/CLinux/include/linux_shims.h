#pragma once

// Linux calls that the Glibc module of Swift does not expose. Only thin, inline forms belong here.

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/epoll.h>
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

/// Creates a close-on-exec set of watched descriptors; -1 with `errno` set. See epoll(7).
static inline int cs_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

/// Watches a descriptor for something to read, under a number of the caller's; 0 or -1 with `errno` set.
static inline int cs_epoll_add(int epoll, int fd, uint64_t number) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = number}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/// Watches a descriptor no more; 0 or -1 with `errno` set.
static inline int cs_epoll_remove(int epoll, int fd) {
  return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

/// As many as one wait can tell of; the others are told of by the next.
enum { CS_EPOLL_CAPACITY = 64 };

/// Waits, for ever where `milliseconds` is -1, and writes the numbers of descriptors that have something to read;
/// answers how many, or -1 with `errno` set. `numbers` has room for `CS_EPOLL_CAPACITY`.
static inline int cs_epoll_wait(int epoll, uint64_t *numbers, int milliseconds) {
  struct epoll_event events[CS_EPOLL_CAPACITY];
  int count = epoll_wait(epoll, events, CS_EPOLL_CAPACITY, milliseconds);
  for (int i = 0; i < count; i++) numbers[i] = events[i].data.u64;
  return count;
}

/// Gives memory that is free in this process back to the system. Takes milliseconds. See malloc_trim(3).
static inline void cs_release_free_memory(void) { (void)malloc_trim(0); }

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

/// Has a child started by posix_spawn close all descriptors from `first` on; 0 or an error number.
int cs_spawn_actions_close_from(posix_spawn_file_actions_t *actions, int first);

/// What `cs_spawn` starts. Pointers must stay valid during the call only.
struct cs_spawn_request {
  /// A path to the program; no search along PATH.
  const char *program;
  /// Both end with NULL.
  char *const *arguments;
  char *const *environment;
  /// The working directory; NULL keeps the parent's.
  const char *directory;
  /// Become descriptors 0, 1 and 2; all others are closed in the child.
  int input;
  int output;
  int error;
  /// Sent to the child when the thread that called `cs_spawn` ends; 0 for none.
  int parent_death_signal;
  /// Nonzero makes the child the leader of a new session, else of a new process group.
  int new_session;
};

/// Where `cs_spawn` failed.
enum cs_spawn_step {
  CS_SPAWN_FORK = 0,
  CS_SPAWN_PARENT_DEATH,
  CS_SPAWN_GROUP,
  CS_SPAWN_DESCRIPTORS,
  CS_SPAWN_DIRECTORY,
  CS_SPAWN_EXECUTE,
};

/// Starts a program and answers its process id once it really runs; -1 with `errno` and `*failed_step`
/// set when it does not. Signals have their default effect in the child.
///
/// The parent-death signal follows the calling *thread*: call on a thread that lives as long as the
/// process, else the children are told that their parent died when only the thread ended.
pid_t cs_spawn(const struct cs_spawn_request *request, enum cs_spawn_step *failed_step);

/// A descriptor that becomes readable when the child ends, close-on-exec; -1 with `errno` set.
int cs_pidfd_open(pid_t pid);

/// Ends the other members of a child's process group, then reaps the child, whose exit must have been
/// announced; 0 or -1 with `errno` set. `*status` is of waitpid(2).
int cs_reap_group(pid_t pid, int *status);

/// Names the calling thread for system tools; the kernel keeps the first 15 bytes.
static inline void cs_thread_set_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

/// Makes a close-on-exec pipe: `ends[0]` for reading, `ends[1]` for writing; 0 or -1 with `errno` set.
int cs_pipe(int ends[2]);
