"""Every call of a program that changes something, one after the other.

A golden run counts what each process calls; each point (call, N) is then one run in
which the N-th such call of a process goes wrong.
"""

import collections
import re

from harness.trace import Tracer

# What leaves a trace outside the process, or gives it rights.
CHANGING = (
    "openat,write,writev,pwrite64,pwritev,sendto,sendmsg,rename,renameat,renameat2,link,linkat,"
    "unlink,unlinkat,fchmod,fchmodat,chmod,fchown,fchownat,chown,utimensat,fsync,fdatasync,"
    "ftruncate,mkdir,mkdirat,setresuid,setresgid,setgroups,flock,close"
)
FOR_READING = re.compile(r"^openat\((?!.*O_(WRONLY|RDWR|CREAT))")
LOG_LINE = re.compile(r'^sendto\(\d+, "<\d+>')


def points(calls, names=None):
    """(call, N) of all calls that change something; names: of these calls only."""
    counts, found = collections.Counter(), set()
    for call in calls:
        counts[call.pid, call.name] += 1
        if FOR_READING.match(call.text) or LOG_LINE.match(call.text):
            continue
        if names is None or call.name in names:
            found.add((call.name, counts[call.pid, call.name]))
    return sorted(found)


def golden(site, program, run):
    """What the processes of a program call while RUN goes well."""
    site.warm()
    with Tracer(site.box.processes(program), CHANGING, children=program != "master") as tracer:
        run()
        site.drain()
        return tracer.calls()
