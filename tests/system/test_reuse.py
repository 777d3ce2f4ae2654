"""Mail that piles up for one destination shares its connections."""

import re

from compat.scripted import PIPELINING, Server

PEER = "127.0.0.7"
MAIN = f"""
relayhost = [{PEER}]
initial_destination_concurrency = 2
default_destination_concurrency_limit = 2
defer_transports = smtp
smtp_connection_cache_time_limit = 2s
"""
MESSAGES = 12


def pile_up(mta):
    ids = [mta.submit("ann@client.test", "v@elsewhere.test", "Subject: x\n\nx\n") for _ in range(MESSAGES)]
    mark = mta.log.mark()
    mta.configure("defer_transports =")
    mta.run(["postqueue", "-f"], check=True)
    for queue_id in ids:
        mta.log.wait(rf"smtp\[\d+\]: {queue_id}: to=.*status=sent", since=mark)
    mta.configure("defer_transports = smtp")
    return mta.log.lines[mark:]


def test_a_pile_goes_over_few_connections(mta):
    with Server(PEER, PIPELINING) as server:
        lines = pile_up(mta)
    uses = [int(n) for line in lines for n in re.findall(r"conn_use=(\d+)", line)]
    assert server.connections <= 4
    assert len(uses) == MESSAGES - server.connections
    assert max(uses) >= MESSAGES // 4
    assert server.heard.count("RSET") >= len(uses)  # each use but the first begins with it


def test_on_demand_can_be_switched_off(mta):
    mta.configure("smtp_connection_cache_on_demand = no")
    with Server(PEER, PIPELINING) as server:
        lines = pile_up(mta)
    assert server.connections == MESSAGES
    assert not [line for line in lines if "conn_use=" in line]
    mta.configure("smtp_connection_cache_on_demand = yes")


def test_so_many_messages_a_connection(mta):
    mta.configure("smtp_connection_reuse_count_limit = 3")
    with Server(PEER, PIPELINING) as server:
        lines = pile_up(mta)
    uses = [int(n) for line in lines for n in re.findall(r"conn_use=(\d+)", line)]
    assert max(uses) <= 3
    mta.configure("smtp_connection_reuse_count_limit = 0")


def test_a_server_that_hangs_up_in_between_loses_nothing(mta):
    with Server(PEER, PIPELINING | {"RSET": b""}) as server:
        lines = pile_up(mta)
    assert server.connections == MESSAGES
    assert not [line for line in lines if re.search(r"smtp\[.*status=deferred", line)]
