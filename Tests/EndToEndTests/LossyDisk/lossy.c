// A disk that loses what was not synced, as a library to preload (LD_PRELOAD) into a process under test.
//
// Below the folder LOSSY_DIR the process works as usual. Beside it, in LOSSY_SHADOW, this library keeps what
// a disk would hold after the power failed at this moment, and nothing more:
//
//   * the content of a file as of its last fsync or fdatasync;
//   * the names in a directory as of its last fsync: files made, renamed or removed since then are as before;
//   * a name whose file was never synced: an empty file.
//
// After the process was killed with SIGKILL, `lossy-restore` puts the folder into that state. The first use
// of the folder by a process takes what lies there as synced.
//
// LOSSY_IGNORE_SYNC=SUFFIX makes syncs of files with that end of their name do nothing, as a disk does that
// lies: for showing that a test notices.
//
// Calls that could change a file past this library end the process with a message: a loss that is not seen
// would let a test pass that should not. Exempt are the information logs and the lock file of RocksDB, which
// hold no data: LOG*, LOCK.
//
// One lock guards everything; the process under test is not fast with it, and need not be.

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAXIMUM_DESCRIPTORS 65536
#define MAXIMUM_FILES 65536

// A file of the folder that this process knows.
struct file {
  ino_t inode;
  // Names its content in the shadow; never used again for another file.
  unsigned long id;
  // What was written since the last sync: from `low` to `high`; nothing when `low` is not less.
  off_t low, high;
  bool ignores_sync;
};

// What an open descriptor is.
struct slot {
  enum { OTHER = 0, DATA, FOLDER } kind;
  dev_t device;
  ino_t inode;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[MAXIMUM_DESCRIPTORS];
static struct file files[MAXIMUM_FILES];
static size_t file_count;
static unsigned long next_id = 1;
static char folder[PATH_MAX], shadow[PATH_MAX];
static const char *ignored_suffix;
static enum { UNKNOWN, OFF, WAITING, ON } state;

static void die(const char *what, const char *path) {
  dprintf(2, "lossy disk: %s%s%s: %s\n", what, path ? " " : "", path ? path : "", strerror(errno));
  abort();
}

#define REAL(name)                                                      \
  static __typeof__(&name) real;                                        \
  if (!real) {                                                          \
    real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                  \
    if (!real) die("no such function", #name);                          \
  }

// The functions this library calls itself.
static int real_open(const char *path, int flags, mode_t mode) {
  REAL(open);
  return real(path, flags, mode);
}
static ssize_t real_pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  REAL(pwrite);
  return real(descriptor, bytes, count, offset);
}
static int real_close(int descriptor) {
  REAL(close);
  return real(descriptor);
}
static int real_ftruncate(int descriptor, off_t size) {
  REAL(ftruncate);
  return real(descriptor, size);
}

// MARK: The folder

static bool is_exempt(const char *path) {
  const char *name = strrchr(path, '/');
  name = name ? name + 1 : path;
  return strcmp(name, "LOCK") == 0 || strncmp(name, "LOG", 3) == 0;
}

static bool has_suffix(const char *text, const char *suffix) {
  size_t length = strlen(text), end = strlen(suffix);
  return length >= end && strcmp(text + length - end, suffix) == 0;
}

static struct file *file_of(ino_t inode) {
  // The newest first: inode numbers are used again.
  for (size_t index = file_count; index > 0; index--)
    if (files[index - 1].inode == inode) return &files[index - 1];
  return NULL;
}

static struct file *new_file(ino_t inode, const char *path) {
  struct file *file = file_of(inode);
  if (!file) {
    if (file_count == MAXIMUM_FILES) die("too many files below", folder);
    file = &files[file_count++];
  }
  bool ignores = ignored_suffix && has_suffix(path, ignored_suffix);
  *file = (struct file){
      .inode = inode, .id = next_id++, .low = 0, .high = 0, .ignores_sync = ignores};
  return file;
}

static void mark(struct file *file, off_t low, off_t high) {
  if (file->low >= file->high) {
    file->low = low;
    file->high = high;
  } else {
    if (low < file->low) file->low = low;
    if (high > file->high) file->high = high;
  }
}

// Brings the shadow of a file up to the file.
static void record_content(struct file *file, int source) {
  struct stat status;
  if (fstat(source, &status) != 0) die("cannot stat a file below", folder);
  off_t low = file->low, high = file->high < status.st_size ? file->high : status.st_size;
  file->low = file->high = 0;
  char path[PATH_MAX + 32];
  snprintf(path, sizeof path, "%s/%lu", shadow, file->id);
  int target = real_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (target < 0) die("cannot write", path);
  // The file may be open for writing only.
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", source);
  int reader = real_open(self, O_RDONLY | O_CLOEXEC, 0);
  if (reader < 0) die("cannot read a file below", folder);
  static char buffer[1 << 20];
  while (low < high) {
    size_t want = high - low < (off_t)sizeof buffer ? (size_t)(high - low) : sizeof buffer;
    ssize_t count = pread(reader, buffer, want, low);
    if (count < 0) die("cannot read a file below", folder);
    if (count == 0) break;
    if (real_pwrite(target, buffer, count, low) != count) die("cannot write", path);
    low += count;
  }
  if (real_ftruncate(target, status.st_size) != 0) die("cannot write", path);
  real_close(reader);
  real_close(target);
}

// Records the names in a directory. The record is replaced in one step.
static void record_names(const char *path) {
  DIR *directory = opendir(path);
  if (!directory) die("cannot read", path);
  char flat[PATH_MAX], target[2 * PATH_MAX + 8], temporary[2 * PATH_MAX + 16];
  snprintf(flat, sizeof flat, "%s", path + strlen(folder));
  for (char *at = flat; *at; at++)
    if (*at == '/') *at = '%';
  snprintf(target, sizeof target, "%s/names%s", shadow, flat);
  snprintf(temporary, sizeof temporary, "%s.tmp", target);
  int record = real_open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (record < 0) die("cannot write", temporary);
  struct dirent *entry;
  while ((entry = readdir(directory))) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char whole[2 * PATH_MAX];
    snprintf(whole, sizeof whole, "%s/%s", path, entry->d_name);
    struct stat status;
    // A file that was removed while we read the names is as good as removed before.
    if (lstat(whole, &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      dprintf(record, "d 0 %s\n", entry->d_name);
    } else if (S_ISREG(status.st_mode)) {
      if (is_exempt(entry->d_name)) continue;
      struct file *file = file_of(status.st_ino);
      if (!file) {
        errno = 0;
        die("a file was made past this library:", whole);
      }
      dprintf(record, "f %lu %s\n", file->id, entry->d_name);
    } else {
      errno = 0;
      die("neither file nor directory:", whole);
    }
  }
  closedir(directory);
  real_close(record);
  if (rename(temporary, target) != 0) die("cannot write", target);
}

// Takes everything that lies in the folder as synced.
static void record_all(const char *path) {
  DIR *directory = opendir(path);
  if (!directory) die("cannot read", path);
  struct dirent *entry;
  while ((entry = readdir(directory))) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char whole[2 * PATH_MAX];
    snprintf(whole, sizeof whole, "%s/%s", path, entry->d_name);
    struct stat status;
    if (lstat(whole, &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      record_all(whole);
    } else if (S_ISREG(status.st_mode) && !is_exempt(entry->d_name)) {
      int source = real_open(whole, O_RDONLY | O_CLOEXEC, 0);
      if (source < 0) die("cannot read", whole);
      struct file *file = new_file(status.st_ino, whole);
      mark(file, 0, status.st_size);
      record_content(file, source);
      real_close(source);
    }
  }
  closedir(directory);
  record_names(path);
}

static void empty_shadow(void) {
  if (mkdir(shadow, 0700) != 0 && errno != EEXIST) die("cannot make", shadow);
  DIR *directory = opendir(shadow);
  if (!directory) die("cannot read", shadow);
  struct dirent *entry;
  while ((entry = readdir(directory)))
    if (entry->d_name[0] != '.') unlinkat(dirfd(directory), entry->d_name, 0);
  closedir(directory);
}

// Whether a path lies in the folder; its absolute form goes to `whole`. The folder itself counts.
static bool is_inside(int base, const char *path, char *whole) {
  if (state == UNKNOWN) {
    const char *wanted = getenv("LOSSY_DIR"), *beside = getenv("LOSSY_SHADOW");
    state = wanted && beside ? WAITING : OFF;
    ignored_suffix = getenv("LOSSY_IGNORE_SYNC");
    if (state == WAITING) {
      snprintf(folder, sizeof folder, "%s", wanted);
      snprintf(shadow, sizeof shadow, "%s", beside);
    }
  }
  if (state == OFF || !path) return false;
  char prefix[PATH_MAX] = "";
  if (path[0] != '/') {
    char self[64] = "/proc/self/cwd";
    if (base != AT_FDCWD) snprintf(self, sizeof self, "/proc/self/fd/%d", base);
    ssize_t length = readlink(self, prefix, sizeof prefix - 2);
    if (length < 0) return false;
    prefix[length] = '/';
    prefix[length + 1] = 0;
  }
  char joined[2 * PATH_MAX];
  snprintf(joined, sizeof joined, "%s%s", prefix, path);
  // Double slashes and a slash at the end are the only forms that our programs write.
  size_t out = 0;
  for (const char *at = joined; *at && out < PATH_MAX - 1; at++)
    if (*at != '/' || out == 0 || whole[out - 1] != '/') whole[out++] = *at;
  if (out > 1 && whole[out - 1] == '/') out--;
  whole[out] = 0;
  size_t length = strlen(folder);
  if (strncmp(whole, folder, length) != 0 || (whole[length] && whole[length] != '/')) return false;
  if (strstr(whole, "/../")) {
    errno = 0;
    die("a path with ..:", whole);
  }
  struct stat status;
  if (state == WAITING && stat(folder, &status) == 0) {
    state = ON;
    empty_shadow();
    record_all(folder);
  }
  return state == ON;
}

// MARK: Descriptors

// The slot of a descriptor that still is what it was when it was opened; else NULL.
static struct slot *slot_of(int descriptor) {
  if (state != ON || descriptor < 0 || descriptor >= MAXIMUM_DESCRIPTORS) return NULL;
  struct slot *slot = &slots[descriptor];
  if (slot->kind == OTHER) return NULL;
  struct stat status;
  if (fstat(descriptor, &status) != 0 || status.st_dev != slot->device ||
      status.st_ino != slot->inode) {
    slot->kind = OTHER;
    return NULL;
  }
  return slot;
}

static struct file *data_of(int descriptor) {
  struct slot *slot = slot_of(descriptor);
  if (!slot || slot->kind != DATA) return NULL;
  struct file *file = file_of(slot->inode);
  if (!file) die("a descriptor of an unknown file below", folder);
  return file;
}

static void forbid(int descriptor, const char *call) {
  pthread_mutex_lock(&lock);
  bool is_ours = data_of(descriptor) != NULL;
  pthread_mutex_unlock(&lock);
  if (is_ours) {
    errno = ENOTSUP;
    die("a call that this library does not follow:", call);
  }
}

static int open_here(int base, const char *path, int flags, mode_t mode) {
  REAL(openat);
  char whole[PATH_MAX];
  pthread_mutex_lock(&lock);
  bool inside = is_inside(base, path, whole);
  if (!inside || is_exempt(whole)) {
    pthread_mutex_unlock(&lock);
    int descriptor = real(base, path, flags, mode);
    if (descriptor >= 0 && descriptor < MAXIMUM_DESCRIPTORS) slots[descriptor].kind = OTHER;
    return descriptor;
  }
  bool is_new = false;
  int descriptor;
  if (flags & O_CREAT) {
    descriptor = real(base, path, flags | O_EXCL, mode);
    is_new = descriptor >= 0;
    if (descriptor < 0 && errno == EEXIST && !(flags & O_EXCL))
      descriptor = real(base, path, flags, mode);
  } else {
    descriptor = real(base, path, flags, mode);
  }
  if (descriptor >= 0) {
    if (descriptor >= MAXIMUM_DESCRIPTORS) die("too many descriptors", NULL);
    struct stat status;
    if (fstat(descriptor, &status) != 0) die("cannot stat", whole);
    slots[descriptor] = (struct slot){
        .kind = S_ISDIR(status.st_mode) ? FOLDER : S_ISREG(status.st_mode) ? DATA : OTHER,
        .device = status.st_dev, .inode = status.st_ino};
    if (slots[descriptor].kind == DATA) {
      struct file *file = is_new ? new_file(status.st_ino, whole) : file_of(status.st_ino);
      if (!file) {
        errno = 0;
        die("a file was made past this library:", whole);
      }
      if (flags & O_TRUNC) mark(file, 0, LONG_MAX);
    }
  }
  int code = errno;
  pthread_mutex_unlock(&lock);
  errno = code;
  return descriptor;
}

#define MODE_OF(flags)                        \
  mode_t mode = 0;                            \
  if ((flags) & (O_CREAT | O_TMPFILE)) {      \
    va_list arguments;                        \
    va_start(arguments, flags);               \
    mode = va_arg(arguments, mode_t);         \
    va_end(arguments);                        \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_here(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_here(AT_FDCWD, path, flags, mode);
}
int openat(int base, const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_here(base, path, flags, mode);
}
int openat64(int base, const char *path, int flags, ...) {
  MODE_OF(flags)
  return open_here(base, path, flags, mode);
}
int __open_2(const char *path, int flags) { return open_here(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_here(AT_FDCWD, path, flags, 0); }
int creat(const char *path, mode_t mode) {
  return open_here(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int descriptor) {
  pthread_mutex_lock(&lock);
  if (descriptor >= 0 && descriptor < MAXIMUM_DESCRIPTORS) slots[descriptor].kind = OTHER;
  pthread_mutex_unlock(&lock);
  return real_close(descriptor);
}

static int copy_slot(int from, int to) {
  if (from >= 0 && from < MAXIMUM_DESCRIPTORS && to >= 0 && to < MAXIMUM_DESCRIPTORS) {
    pthread_mutex_lock(&lock);
    slots[to] = slots[from];
    pthread_mutex_unlock(&lock);
  }
  return to;
}
int dup(int descriptor) {
  REAL(dup);
  return copy_slot(descriptor, real(descriptor));
}
int dup2(int descriptor, int target) {
  REAL(dup2);
  return copy_slot(descriptor, real(descriptor, target));
}
int dup3(int descriptor, int target, int flags) {
  REAL(dup3);
  return copy_slot(descriptor, real(descriptor, target, flags));
}

// MARK: Changes

// A write at the descriptor's position, or at the end of the file: one at a time, so that the position
// behind it tells where it went.
#define WRITE_AT_POSITION(call)                                  \
  pthread_mutex_lock(&lock);                                     \
  struct file *file = data_of(descriptor);                       \
  if (!file) {                                                   \
    pthread_mutex_unlock(&lock);                                 \
    return call;                                                 \
  }                                                              \
  ssize_t written = call;                                        \
  int code = errno;                                              \
  if (written > 0) {                                             \
    off_t behind = lseek(descriptor, 0, SEEK_CUR);               \
    mark(file, behind - written, behind);                        \
  }                                                              \
  pthread_mutex_unlock(&lock);                                   \
  errno = code;                                                  \
  return written;

ssize_t write(int descriptor, const void *bytes, size_t count) {
  REAL(write);
  WRITE_AT_POSITION(real(descriptor, bytes, count))
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  REAL(writev);
  WRITE_AT_POSITION(real(descriptor, parts, count))
}

static void note(int descriptor, off_t offset, ssize_t count) {
  if (count <= 0) return;
  int code = errno;
  pthread_mutex_lock(&lock);
  struct file *file = data_of(descriptor);
  if (file) mark(file, offset, offset + count);
  pthread_mutex_unlock(&lock);
  errno = code;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  ssize_t written = real_pwrite(descriptor, bytes, count, offset);
  note(descriptor, offset, written);
  return written;
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
  return pwrite(descriptor, bytes, count, offset);
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  REAL(pwritev);
  ssize_t written = real(descriptor, parts, count, offset);
  note(descriptor, offset, written);
  return written;
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off_t offset) {
  return pwritev(descriptor, parts, count, offset);
}

// Everything from `low` on may have changed.
static void note_tail(int descriptor, off_t low) {
  pthread_mutex_lock(&lock);
  struct file *file = data_of(descriptor);
  if (file) mark(file, low, LONG_MAX);
  pthread_mutex_unlock(&lock);
}

int ftruncate(int descriptor, off_t size) {
  int result = real_ftruncate(descriptor, size);
  if (result == 0) note_tail(descriptor, size);
  return result;
}
int ftruncate64(int descriptor, off_t size) { return ftruncate(descriptor, size); }
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  REAL(fallocate);
  int result = real(descriptor, mode, offset, length);
  if (result == 0 && mode != FALLOC_FL_KEEP_SIZE) note_tail(descriptor, offset);
  return result;
}
int fallocate64(int descriptor, int mode, off_t offset, off_t length) {
  return fallocate(descriptor, mode, offset, length);
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  REAL(posix_fallocate);
  int result = real(descriptor, offset, length);
  if (result == 0) note_tail(descriptor, offset);
  return result;
}

// MARK: Syncs

static int sync_here(int descriptor, int (*real)(int)) {
  int result = real(descriptor);
  if (result != 0) return result;
  pthread_mutex_lock(&lock);
  struct slot *slot = slot_of(descriptor);
  if (slot && slot->kind == DATA) {
    struct file *file = data_of(descriptor);
    if (!file->ignores_sync) record_content(file, descriptor);
  } else if (slot) {
    char self[64], path[PATH_MAX];
    snprintf(self, sizeof self, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(self, path, sizeof path - 1);
    if (length < 0) die("cannot name a directory below", folder);
    path[length] = 0;
    record_names(path);
  }
  pthread_mutex_unlock(&lock);
  return 0;
}
int fsync(int descriptor) {
  REAL(fsync);
  return sync_here(descriptor, real);
}
int fdatasync(int descriptor) {
  REAL(fdatasync);
  return sync_here(descriptor, real);
}

// MARK: Calls that are not followed

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
  REAL(mmap);
  if ((protection & PROT_WRITE) && (flags & MAP_SHARED) && !(flags & MAP_ANONYMOUS))
    forbid(descriptor, "mmap for writing");
  return real(address, length, protection, flags, descriptor, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int descriptor, off64_t offset) {
  return mmap(address, length, protection, flags, descriptor, offset);
}
ssize_t sendfile(int target, int source, off_t *offset, size_t count) {
  REAL(sendfile);
  forbid(target, "sendfile");
  return real(target, source, offset, count);
}
ssize_t sendfile64(int target, int source, off64_t *offset, size_t count) {
  return sendfile(target, source, offset, count);
}
ssize_t copy_file_range(
    int source, off64_t *from, int target, off64_t *to, size_t count, unsigned flags) {
  REAL(copy_file_range);
  forbid(target, "copy_file_range");
  return real(source, from, target, to, count, flags);
}
ssize_t splice(
    int source, off64_t *from, int target, off64_t *to, size_t count, unsigned flags) {
  REAL(splice);
  forbid(target, "splice");
  return real(source, from, target, to, count, flags);
}
ssize_t pwritev2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags) {
  REAL(pwritev2);
  forbid(descriptor, "pwritev2");
  return real(descriptor, parts, count, offset, flags);
}
int syncfs(int descriptor) {
  REAL(syncfs);
  forbid(descriptor, "syncfs");
  return real(descriptor);
}
FILE *fdopen(int descriptor, const char *mode) {
  REAL(fdopen);
  if (mode[0] != 'r' || strchr(mode, '+')) forbid(descriptor, "fdopen for writing");
  return real(descriptor, mode);
}

static void forbid_path(const char *path, const char *call) {
  char whole[PATH_MAX];
  pthread_mutex_lock(&lock);
  bool is_ours = is_inside(AT_FDCWD, path, whole) && !is_exempt(whole);
  pthread_mutex_unlock(&lock);
  if (is_ours) {
    errno = ENOTSUP;
    die(call, whole);
  }
}
FILE *fopen(const char *path, const char *mode) {
  REAL(fopen);
  if (mode[0] != 'r' || strchr(mode, '+')) forbid_path(path, "fopen for writing:");
  return real(path, mode);
}
FILE *fopen64(const char *path, const char *mode) { return fopen(path, mode); }
int truncate(const char *path, off_t size) {
  REAL(truncate);
  forbid_path(path, "truncate:");
  return real(path, size);
}
int truncate64(const char *path, off64_t size) { return truncate(path, size); }
