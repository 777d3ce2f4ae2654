"""postfix explain: the way of an address, and what decided it, is what then happens."""

import re

from harness.instance import Instance

MAIN = """\
relay_domains = r.example
relayhost = [127.0.0.1]:1
virtual_alias_domains = v.example
virtual_alias_maps = texthash:/etc/postfix/virtual
recipient_canonical_maps = inline:{old=list@v.example}
transport_maps = texthash:/etc/postfix/transport
smtp_tls_security_level = may
smtp_tls_policy_maps = inline:{{.d.example=secure}}
relay_destination_concurrency_limit = 3
sender_dependent_relayhost_maps = inline:{{@s.example=[127.0.0.2]:1}}
recipient_delimiter = +
"""
ETC = {
    "postfix/virtual": "# lists\nlist@v.example\tjoe, b@r.example, c@far.example, d@c.d.example\n",
    "postfix/transport": "c.d.example slow:\ngone.example error:5.1.2 no more\n",
}
MASTER = "slow unix - - n - 1 smtp -o smtp_tls_security_level=encrypt\n"


def explain(box, *words):
    """{address: {what: (value, why)}} of the output, in order."""
    done = box.run(["postfix", "explain", *words], check=True)
    found = []
    for line in done.stdout.splitlines():
        if line.startswith("  "):
            what, value, *why = re.split(r"  +", line.strip())
            found[-1][1][what] = (value, why[0] if why else "")
        else:
            found.append((line, {}))
    return found


def test_each_step_names_what_decided_it(work):
    box = Instance.make(work / "box", "postern", main=MAIN, master=MASTER, etc=ETC)
    box.start()
    try:
        lines = {line.split("=")[0].strip(): n + 1 for n, line in enumerate(box.read("/etc/postfix/main.cf").splitlines())}
        main = lambda name: f"{name}, /etc/postfix/main.cf:{lines[name]}"  # noqa: E731
        given, joe, b, c, d = explain(box, "old@localhost")
        assert given[0] == "old@localhost"
        virtual = f'{main("virtual_alias_maps")}: texthash:/etc/postfix/virtual has "list@v.example", /etc/postfix/virtual:2'
        assert given[1]["becomes"] == ("joe, b@r.example, c@far.example, d@c.d.example", virtual)
        assert (joe[0], joe[1]["class"], joe[1]["transport"][0]) == (f"joe@{box.hostname}", ("local", main("mydestination")), "local")
        assert "TLS" not in joe[1]
        assert b[1]["class"] == ("relay", main("relay_domains"))
        assert b[1]["next hop"] == ("[127.0.0.1]:1", main("relayhost"))
        assert b[1]["connections"] == ("3", main("relay_destination_concurrency_limit"))
        assert b[1]["recipients"] == ("50", "default_destination_recipient_limit (default)")
        assert b[1]["TLS"] == ("may", main("smtp_tls_security_level"))
        assert c[1]["transport"] == ("smtp", "default_transport (default)")
        assert d[1]["transport"] == ("slow", f'{main("transport_maps")}: texthash:/etc/postfix/transport has "c.d.example", /etc/postfix/transport:1')
        assert d[1]["TLS"][0] == "secure" and '".d.example"' in d[1]["TLS"][1]
        master = len(box.read("/etc/postfix/master.cf").splitlines())
        assert d[1]["service"] == ("smtp", f"/etc/postfix/master.cf:{master}")
        (_, _), (_, gone) = explain(box, "x@gone.example")
        assert (gone["transport"][0], gone["next hop"][0]) == ("error", "5.1.2 no more")
        (_, _), (_, other) = explain(box, "x@far.example", "me@s.example")
        assert other["next hop"][0] == "[127.0.0.2]:1"
        # and so it happens
        mark = box.log.mark()
        box.submit("a@client.test", "list@v.example", "Subject: x\n\nx\n")
        for address, words in ((joe[0], "postfix/local"), (b[0], "postfix/smtp"), (d[0], "postfix/smtp")):
            box.log.wait(rf"{words}\[\d+\]: \w+: to=<{re.escape(address)}>", since=mark)
        assert box.run(["postfix", "explain"]).returncode == 1
    finally:
        box.close()
