// pipe2 and syscall are GNU extensions.
#define _GNU_SOURCE
#include "linux_shims.h"

#include <fcntl.h>
#include <pthread.h>

// Both ends stay open until the process ends, because a signal may arrive at any time.
static int signal_pipe[2] = {-1, -1};
static int signal_pipe_error = 0;
static pthread_once_t signal_pipe_once = PTHREAD_ONCE_INIT;

static void create_signal_pipe(void) {
  if (pipe2(signal_pipe, O_NONBLOCK | O_CLOEXEC) != 0) signal_pipe_error = errno;
}

int cs_signal_pipe(void) {
  pthread_once(&signal_pipe_once, create_signal_pipe);
  if (signal_pipe_error != 0) errno = signal_pipe_error;
  return signal_pipe[0];
}

// Only async-signal-safe calls. A full pipe already holds thousands of signals to act on, so a byte
// that does not fit may be dropped.
static void on_signal(int number) {
  int saved = errno;
  uint8_t byte = (uint8_t)number;
  ssize_t ignored = write(signal_pipe[1], &byte, 1);
  (void)ignored;
  errno = saved;
}

int cs_signal_divert(int signal) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, NULL);
}
