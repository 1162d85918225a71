"""Writes in all the ways that matter to a disk that loses what was not synced, and ends as by a power failure.

    writer.py FOLDER changes     changes files of an earlier run, and syncs some of that
    writer.py FOLDER mmap        a call that the library does not follow
"""

import mmap
import os
import signal
import sys

folder, part = sys.argv[1:]


def path(name):
    return os.path.join(folder, name)


def write(name, text, sync=False, flags=os.O_WRONLY | os.O_CREAT):
    descriptor = os.open(path(name), flags, 0o600)
    os.write(descriptor, text.encode())
    if sync:
        os.fsync(descriptor)
    return descriptor


def sync_names(name=""):
    descriptor = os.open(path(name), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


if part == "mmap":
    descriptor = os.open(path("old"), os.O_RDWR)
    mmap.mmap(descriptor, 3)
    sys.exit(0)

# Names: made and recorded, and then made and not recorded.
os.mkdir(path("sub"))
write("sub/inner", "inner", sync=True)
sync_names("sub")
write("recorded", "x")
appended = write("appended", "kept", sync=True)
os.unlink(path("removed-for-good"))
sync_names()
write("unrecorded", "x", sync=True)
# Content after the last sync.
os.write(appended, b" lost")
descriptor = os.open(path("overwritten"), os.O_WRONLY)
os.pwrite(descriptor, b"LOST", 2)
descriptor = os.open(path("twice"), os.O_WRONLY)
os.pwrite(descriptor, b"1", 0)
os.fdatasync(descriptor)
os.pwrite(descriptor, b"2", 1)
os.ftruncate(os.open(path("truncated"), os.O_WRONLY), 1)
os.close(write("emptied", "", flags=os.O_WRONLY | os.O_TRUNC))
# A file that takes the number of one that is gone.
os.unlink(path("replaced"))
write("replaced", "new", sync=True)
os.rename(path("renamed"), path("elsewhere"))
os.unlink(path("removed"))
os.kill(os.getpid(), signal.SIGKILL)
