"""A thousand SMTP sessions that were greeted and then say nothing: what each costs."""

import contextlib
import resource
import socket

from harness.sandbox import wait_until

from bench.load import CLIENT, expect
from bench.measure import memory_kb


def idle_sessions(mta, count):
    """{"smtpd": KB of one, "all": KB that all programs grew by, a session, "cpu": ms to begin one}."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    mta.configure(f"default_process_limit = {count + 100}")
    before, cpu = total_kb(mta), mta.group.cpu_ms()
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            server = stack.enter_context(socket.create_connection((mta.address, 25), 60, (CLIENT, 0)))
            expect(server)
            server.sendall(b"EHLO client.test\r\n")
            expect(server)
        cpu = mta.group.cpu_ms() - cpu
        smtpds = memory_kb(mta, "smtpd")["smtpd"]
        assert len(smtpds) >= count, f"{len(smtpds)} smtpd for {count} sessions"
        after = total_kb(mta)
    mta.configure("default_process_limit = 100")
    wait_until(lambda: len(mta.processes("smtpd")) < 100, 60, "the sessions to end")
    return {"smtpd": sum(smtpds) / len(smtpds), "all": (after - before) / count, "cpu": cpu / count}


def total_kb(mta):
    return sum(kb for each in memory_kb(mta).values() for kb in each)
