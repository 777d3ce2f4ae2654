"""Disks that lose power: ext4 and xfs in a file, mounted by a loop device.

The shutdown ioctl stops a file system on the spot and forgets what was not synced,
as a power cut does. A mount is seen by sandboxes made after it, so no other one may
be made while a disk is in use: it would keep the dead file system alive.
"""

import fcntl
import os
import struct
import subprocess

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), the same for ext4 and xfs
NO_LOG_FLUSH = 2
SIZES = {"ext4": 64 << 20, "xfs": 320 << 20}


class Disk:
    def __init__(self, folder, name, kind):
        """A new file system KIND (ext4 or xfs), mounted at FOLDER/NAME."""
        self.image, self.place = folder / f"{name.replace('/', '-')}.{kind}", folder / name
        self.place.mkdir(parents=True, exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(SIZES[kind])
        subprocess.run([f"mkfs.{kind}", "-q", self.image], check=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.place], check=True)

    def unmount(self):
        subprocess.run(["umount", self.place], check=True)

    def remove(self):
        self.unmount()
        self.image.unlink()


def power_off(disks):
    """The power cut. Whoever uses a disk gets errors from now on. The queue's comes first:
    nothing that happens on another one afterwards can be known to it."""
    places = [os.open(one.place, os.O_RDONLY) for one in disks]
    for place in places:
        fcntl.ioctl(place, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(place)
