"""Try something by hand on a private machine:

    cd tests && /usr/bin/python3 -m harness oracle 'postconf -d | head'
    cd tests && /usr/bin/python3 -m harness --mail postern 'sendmail joe </etc/passwd; sleep 1; mailq'

The first word is postern or oracle; the command, for sh, runs there as root,
and the mail log is shown afterwards. --mail starts the mail system first.
--main 'name = value' adds a line to main.cf.
"""

import argparse
import pathlib
import tempfile

from . import roots, sandbox
from .dns import NameServer
from .instance import Instance


def main():
    parser = argparse.ArgumentParser(prog="harness", description=__doc__.split("\n")[0])
    parser.add_argument("--mail", action="store_true", help="start the mail system first")
    parser.add_argument("--main", action="append", default=[], help="a line of main.cf")
    parser.add_argument("flavour", choices=["postern", "oracle"])
    parser.add_argument("command", nargs="?", default="bash -i", help="for sh (default: a shell)")
    words = parser.parse_args()
    if words.flavour == "oracle":
        roots.oracle()
    sandbox.enter_network()
    NameServer()
    (roots.TOP / "build/tmp").mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="hand.", dir=roots.TOP / "build/tmp")
    box = Instance.make(pathlib.Path(folder) / "box", words.flavour, "\n".join(words.main))
    try:
        box.start(mail=words.mail)
        status = box.popen(words.command).wait()
        for line in box.log.lines:
            print("log:", line)
    finally:
        box.close()
        pathlib.Path(folder).rmdir()
    raise SystemExit(status)


main()
