// close_range, pipe2 and syscall are GNU extensions.
#define _GNU_SOURCE
#include "linux_shims.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

struct failure {
  int step;
  int code;
};

// From here to execve only async-signal-safe calls are allowed: the child has one thread, and any lock
// may be held by a thread that was not copied.

static void report_failure(int report, enum cs_spawn_step step) {
  struct failure failure = {.step = step, .code = errno};
  ssize_t ignored = write(report, &failure, sizeof failure);
  (void)ignored;
  _exit(127);
}

static void reset_signals(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// A source may itself be 0, 1 or 2, so all are first moved out of the way.
static int place_descriptors(int *report, const struct cs_spawn_request *request) {
  int sources[3] = {request->input, request->output, request->error};
  int moved_report = fcntl(*report, F_DUPFD_CLOEXEC, 3);
  if (moved_report < 0) return -1;
  *report = moved_report;
  for (int target = 0; target < 3; target++) {
    sources[target] = fcntl(sources[target], F_DUPFD_CLOEXEC, 3);
    if (sources[target] < 0) return -1;
  }
  for (int target = 0; target < 3; target++)
    if (dup2(sources[target], target) < 0) return -1;
  // Whoever opened a descriptor without close-on-exec must not leak it into the child. A kernel older
  // than 5.11 does not know the call; then only that courtesy is missing.
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  return 0;
}

static void run_child(const struct cs_spawn_request *request, pid_t parent, int report) {
  if (request->parent_death_signal != 0 &&
      cs_set_parent_death_signal(request->parent_death_signal) != 0)
    report_failure(report, CS_SPAWN_PARENT_DEATH);
  // The parent may have died before the line above; nobody would tell us any more.
  if (request->parent_death_signal != 0 && getppid() != parent) _exit(127);
  // An own group keeps Ctrl-C of the terminal from the child, so that the parent decides on the order
  // of stopping, and lets the parent reach what the child starts.
  if ((request->new_session ? setsid() : setpgid(0, 0)) < 0)
    report_failure(report, CS_SPAWN_GROUP);
  if (place_descriptors(&report, request) != 0) report_failure(report, CS_SPAWN_DESCRIPTORS);
  if (request->directory != NULL && chdir(request->directory) != 0)
    report_failure(report, CS_SPAWN_DIRECTORY);
  reset_signals();
  execve(request->program, request->arguments, request->environment);
  report_failure(report, CS_SPAWN_EXECUTE);
}

pid_t cs_spawn(const struct cs_spawn_request *request, enum cs_spawn_step *failed_step) {
  *failed_step = CS_SPAWN_FORK;
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return -1;
  pid_t parent = getpid();
  // A handler of the parent must not run in the child, where it would write into shared pipes.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t child = fork();
  if (child == 0) run_child(request, parent, report[1]);
  int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(report[1]);
  if (child < 0) {
    close(report[0]);
    errno = fork_error;
    return -1;
  }
  // The pipe ends without a word when execve succeeds and closes the child's end.
  struct failure failure;
  ssize_t count;
  do {
    count = read(report[0], &failure, sizeof failure);
  } while (count < 0 && errno == EINTR);
  close(report[0]);
  if (count != (ssize_t)sizeof failure) return child;
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  *failed_step = (enum cs_spawn_step)failure.step;
  errno = failure.code;
  return -1;
}

int cs_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int cs_reap_group(pid_t pid, int *status) {
  // While the leader is a zombie its id cannot be given to another group, so the signal cannot go
  // astray; a group without other members is no error.
  kill(-pid, SIGKILL);
  pid_t reaped;
  do {
    reaped = waitpid(pid, status, 0);
  } while (reaped < 0 && errno == EINTR);
  return reaped == pid ? 0 : -1;
}

int cs_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cs_spawn_actions_close_from(posix_spawn_file_actions_t *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}
