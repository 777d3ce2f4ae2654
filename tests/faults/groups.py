"""A control group (version 1) of the test's own."""

import os
import pathlib


class Group:
    def __init__(self, controller):
        root = pathlib.Path("/sys/fs/cgroup", controller)
        self._root, self._path = root, root / f"faults.{os.getpid()}"

    def __enter__(self):
        self._path.mkdir()
        return self

    def __exit__(self, *error):
        for pid in (self._path / "cgroup.procs").read_text().split():
            (self._root / "cgroup.procs").write_text(pid)
        self._path.rmdir()

    def add(self, pid):
        (self._path / "cgroup.procs").write_text(str(pid))

    def count(self):
        return len((self._path / "tasks").read_text().split())

    def set(self, name, value):
        (self._path / name).write_text(str(value))
