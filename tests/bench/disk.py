"""The file system that queue and mailboxes lie on.

The one this tree lies on may be anything: without a journal, or one that gives each
block of a removed file back to the disk at once. So both systems and the floor get an
ext4 of their own, made with the defaults, in a sparse file on a loop device.
"""

import contextlib
import pathlib
import subprocess
import tempfile

SIZE = 6 << 30
# the rest of the tables is written now, not by a kernel thread while we measure
NOT_LATER = "lazy_itable_init=0,lazy_journal_init=0"


@contextlib.contextmanager
def ground(parent, here=False):
    """A folder for everything, removed at the end; here: on the file system of PARENT.
    Mounted in our own name space, so nothing stays mounted however the run ends."""
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench.", dir=parent) as folder:
        if here:
            yield pathlib.Path(folder)
            return
        image = pathlib.Path(folder, "image")
        with open(image, "wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-E", NOT_LATER, image], check=True)
        place = pathlib.Path(folder, "disk")
        place.mkdir()
        subprocess.run(["mount", "-o", "loop", image, place], check=True)
        image.unlink()  # gone when it is unmounted
        try:
            yield place
        finally:
            # lazily: processes that were killed may take a moment to end
            subprocess.run(["umount", "--lazy", place], check=True)


def describe(here):
    return "the file system of this tree" if here else "ext4 with default options in a file on a loop device"
