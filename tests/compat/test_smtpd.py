"""Sessions with smtpd under settings that sites make: replies and log lines, ours beside
Debian's Postfix. Each set of settings has a port of its own."""

import re
import socket

import pytest

DOMAIN = "example.test"
MAIN = """\
smtpd_error_sleep_time = 0
smtpd_discard_ehlo_keywords = chunking, starttls, silent-discard
smtputf8_enable = no
mynetworks = 127.0.0.10
smtpd_relay_restrictions = reject_unauth_destination
maximal_queue_lifetime = 0
virtual_mailbox_domains = vmail.test
virtual_mailbox_maps = inline:{u@vmail.test=u}
virtual_alias_domains = valias.test
virtual_alias_maps = inline:{u@valias.test=joe}
relay_domains = relay.test
relay_recipient_maps = inline:{u@relay.test=u}
"""
HELLO = ["EHLO x.test"]
MAIL = [*HELLO, "MAIL FROM:<a@client.test>"]


def rcpt(*recipients, sender="a@client.test", helo="EHLO x.test"):
    return [helo, f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients)]


JOE = rcpt("joe@example.test")
UNKNOWN = rcpt("no-such-user@example.test")
RELAY = rcpt("a@elsewhere.test")

# name: ([what stands in main.cf], [lines that the client says])
CASES = {
    "footer": (["smtpd_reject_footer = For help, call us."], [*UNKNOWN, "FOO", "QUIT"]),
    "footer on the same line": (["smtpd_reject_footer = \\c. For help, call us."], [*UNKNOWN, "FOO", "RCPT"]),
    "footer of two lines": (["smtpd_reject_footer = first\\nsecond\\n\\nlast"], [*UNKNOWN, "FOO"]),
    "footer joined, of two lines": (["smtpd_reject_footer = \\c first\\nsecond \\c x"], [*UNKNOWN]),
    "footer with macros": (
        ["smtpd_reject_footer = \\c: $client_address $server_name $localtime $$x ${client_port?port} ${x:none} $myhostname"],
        UNKNOWN,
    ),
    "footer with an unknown macro": (["smtpd_reject_footer = $sender $recipient x"], UNKNOWN),
    "footer that is malformed": (["smtpd_reject_footer = a $(client_address"], UNKNOWN),
    "footer and expansion filter": (["smtpd_reject_footer = $client_address $server_name", "smtpd_expansion_filter = 1234567890"], UNKNOWN),
    "footer on replies for now": (["smtpd_reject_footer = foot", "smtpd_recipient_restrictions = defer"], JOE),
    "footer when there are too many errors": (["smtpd_reject_footer = foot", "smtpd_hard_error_limit = 3"], [*HELLO, "FOO", "FOO", "FOO"]),
    "footer without a status": (["smtpd_reject_footer = foot"], ["HELO", "EHLO", "VRFY x@elsewhere.test", "ETRN x"]),
    "footer, header as command": (["smtpd_reject_footer = foot"], [*HELLO, "Subject: x"]),
    "footer at the greeting": (["smtpd_reject_footer = foot", "smtpd_client_restrictions = reject", "smtpd_delay_reject = no"], ["EHLO x"]),
    "footer of soft bounces": (["smtpd_reject_footer = foot\\nnext", "soft_bounce = yes"], UNKNOWN),
    "footer tables": (
        ["smtpd_reject_footer_maps = pcre:{{/Relay access denied/ \\c. no relay} {/^550/ five} {/^500 5.5.2/ \\c$$$$client_address}}", "smtpd_reject_footer = rest"],
        [*UNKNOWN, "RCPT TO:<a@elsewhere.test>", "FOO", "RCPT"],
    ),
    "footer table without an answer": (["smtpd_reject_footer_maps = pcre:{{/^551/ five}}"], UNKNOWN),
    "footer table fails": (["smtpd_reject_footer_maps = hash:/none", "smtpd_reject_footer = rest"], UNKNOWN),
    "footer table fails, no footer": (["smtpd_reject_footer_maps = hash:/none"], UNKNOWN),
}

CASES |= {
    "reject": (["smtpd_recipient_restrictions = reject"], JOE),
    "defer": (["smtpd_recipient_restrictions = defer"], JOE),
    "reject_code": (["smtpd_recipient_restrictions = reject", "reject_code = 571"], JOE),
    "reject_code for now": (["smtpd_recipient_restrictions = reject", "reject_code = 421"], JOE),
    "reject_code 521": (["smtpd_recipient_restrictions = reject", "reject_code = 521"], JOE),
    "defer_code": (["smtpd_recipient_restrictions = defer", "defer_code = 471"], JOE),
    "defer_if_permit": (["smtpd_recipient_restrictions = defer_if_permit", "defer_code = 471"], JOE),
    "defer_if_reject": (["smtpd_recipient_restrictions = defer_if_reject, reject", "defer_code = 471"], JOE),
    "defer for good": (["smtpd_recipient_restrictions = defer", "defer_code = 571"], JOE),
    "access codes": (
        ["smtpd_recipient_restrictions = check_recipient_access inline:{joe@=REJECT, ann@=DEFER, bob@=DEFER_IF_PERMIT}", "access_map_reject_code = 571", "access_map_defer_code = 471"],
        rcpt("joe@example.test", "ann@example.test", "bob@example.test"),
    ),
    "helo codes": (
        ["smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname, reject_unknown_helo_hostname", "invalid_hostname_reject_code = 571", "non_fqdn_reject_code = 572", "unknown_hostname_reject_code = 573"],
        ["HELO a..b", *JOE[1:], "RSET", "HELO host", *JOE[1:], "RSET", "HELO no.such.test", *JOE[1:], "RSET", "HELO slow.test", *JOE[1:]],
    ),
    "address codes": (
        ["smtpd_recipient_restrictions = reject_non_fqdn_sender, reject_non_fqdn_recipient, reject_unknown_sender_domain, reject_unknown_recipient_domain, reject_unauth_destination", "smtpd_relay_restrictions = ", "non_fqdn_reject_code = 572", "unknown_address_reject_code = 573"],
        [*rcpt("joe", "joe@x", "joe@no.such.test", "joe@slow.test", "joe@null.test"), "RSET", "MAIL FROM:<a@no.such.test>", JOE[2], "RSET", "MAIL FROM:<a@slow.test>", JOE[2], "RSET", "MAIL FROM:<a@null.test>", JOE[2], "RSET", "MAIL FROM:<a@x>", JOE[2]],
    ),
    "client code": (["smtpd_client_restrictions = reject_unknown_client_hostname", "unknown_client_reject_code = 571"], JOE),
    "reverse client code": (["smtpd_client_restrictions = reject_unknown_reverse_client_hostname", "unknown_client_reject_code = 571"], JOE),
    "relay code": (["relay_domains_reject_code = 571"], RELAY),
    "defer_unauth_destination": (["smtpd_relay_restrictions = defer_unauth_destination", "defer_code = 471", "relay_domains_reject_code = 571"], RELAY),
    "unlisted codes": (
        ["unknown_local_recipient_reject_code = 571", "unknown_relay_recipient_reject_code = 572", "unknown_virtual_alias_reject_code = 573", "unknown_virtual_mailbox_reject_code = 574"],
        rcpt(*(f"no@{d}.test" for d in ("example", "relay", "valias", "vmail"))),
    ),
    "unlisted codes for now": (
        ["unknown_local_recipient_reject_code = 450", "unknown_relay_recipient_reject_code = 451", "unknown_virtual_alias_reject_code = 452", "unknown_virtual_mailbox_reject_code = 454"],
        rcpt(*(f"no@{d}.test" for d in ("example", "relay", "valias", "vmail"))),
    ),
    "tables not named": (["show_user_unknown_table_name = no"], rcpt(*(f"no@{d}.test" for d in ("example", "relay", "valias", "vmail")))),
    "unlisted recipients taken": (["smtpd_reject_unlisted_recipient = no"], rcpt(*(f"no@{d}.test" for d in ("example", "relay", "valias", "vmail")))),
    "unlisted sender": (["smtpd_reject_unlisted_sender = yes"], [l for d in ("example", "relay", "valias", "vmail") for l in rcpt("joe@example.test", sender=f"no@{d}.test") + ["RSET"]]),
    "unlisted sender, not named": (["smtpd_reject_unlisted_sender = yes", "show_user_unknown_table_name = no"], [l for d in ("example", "relay", "valias", "vmail") for l in rcpt("joe@example.test", sender=f"no@{d}.test") + ["RSET"]]),
    "unlisted by restrictions": (["smtpd_reject_unlisted_recipient = no", "smtpd_recipient_restrictions = reject_unlisted_recipient, reject_unlisted_sender"], [*rcpt("no@example.test", "joe@example.test", sender="no@example.test")]),
    "multi recipient bounce": (["smtpd_data_restrictions = reject_multi_recipient_bounce", "multi_recipient_bounce_reject_code = 571"], [*rcpt("joe@example.test", "ann@example.test", sender=""), "DATA"]),
    "plaintext": (["smtpd_recipient_restrictions = reject_plaintext_session", "plaintext_reject_code = 571"], JOE),
    "removed names": (["smtpd_recipient_restrictions = check_relay_domains"], [*JOE, RELAY[2]]),
    "removed name of a list": (["smtpd_recipient_restrictions = reject_maps_rbl", "maps_rbl_domains = list.test"], JOE),
    "removed name, client": (["smtpd_client_restrictions = permit_naked_ip_address"], JOE),
    "old names": (["smtpd_helo_restrictions = reject_invalid_hostname, reject_non_fqdn_hostname, reject_unknown_hostname", "smtpd_client_restrictions = reject_unknown_client", "smtpd_recipient_restrictions = check_recipient_maps"], JOE),
    "noop commands": (["smtpd_noop_commands = FOO, bar"], [*HELLO, "FOO", "foo x", "BAR y z", "BAZ"]),
    "noop commands that exist": (["smtpd_noop_commands = mail, quit"], [*HELLO, "MAIL FROM:<a@client.test>", JOE[2], "NOOP"]),
    "forbidden commands": (["smtpd_forbidden_commands = FOO, bar, mail"], [*HELLO, "GET x", "MAIL FROM:<a@client.test>"]),
    "forbidden commands, second": (["smtpd_forbidden_commands = FOO, bar"], [*HELLO, "bar x"]),
    "forbidden commands, standard": ([], [*HELLO, "connect x:1 HTTP/1.0"]),
    "forbidden commands, binary": ([], ["\x16\x03\x01"]),
    "forbidden commands, none": (["smtpd_forbidden_commands ="], [*HELLO, "GET x", "POST", "Foo: x"]),
    "no names of peers": (["smtpd_peername_lookup = no", "smtpd_client_restrictions = reject_unknown_client_hostname"], JOE, "127.0.0.20"),
    "no names of peers, reverse": (["smtpd_peername_lookup = no", "smtpd_client_restrictions = reject_unknown_reverse_client_hostname"], JOE, "127.0.0.20"),
    "names of peers": (["smtpd_client_restrictions = reject_unknown_client_hostname"], JOE, "127.0.0.20"),
    "open at MAIL": (["smtpd_delay_open_until_valid_rcpt = no"], [*UNKNOWN, JOE[2], "RSET", *RELAY[1:]]),
    "open at MAIL, lost": (["smtpd_delay_open_until_valid_rcpt = no"], UNKNOWN),
    "open at MAIL, refused sender": (["smtpd_delay_open_until_valid_rcpt = no", "smtpd_sender_restrictions = reject", "smtpd_delay_reject = no"], [*MAIL, "RSET"]),
    "open at MAIL, data": (["smtpd_delay_open_until_valid_rcpt = no"], [*UNKNOWN, "DATA", JOE[2], "DATA", "Subject: x\r\n\r\nx\r\n."]),
    "literals, a": (["smtpd_helo_restrictions = check_helo_a_access inline:{127.0.0.9=REJECT}", "smtpd_sender_restrictions = check_sender_a_access inline:{127.0.0.9=REJECT, 127.0.0.8=REJECT}"], [*rcpt("joe@example.test", helo="HELO [127.0.0.9]"), "RSET", "HELO x.test", "MAIL FROM:<a@[127.0.0.8]>", JOE[2], "RSET", "HELO 127.0.0.9", *JOE[1:]]),
    "literals, mx": (["smtpd_helo_restrictions = check_helo_mx_access inline:{127.0.0.9=REJECT}", "smtpd_sender_restrictions = check_sender_mx_access inline:{127.0.0.9=REJECT, 127.0.0.8=REJECT}"], [*rcpt("joe@example.test", helo="HELO [127.0.0.9]"), "RSET", "HELO x.test", "MAIL FROM:<a@[127.0.0.8]>", JOE[2], "RSET", "HELO 127.0.0.9", *JOE[1:]]),
    "literals, ns": (["smtpd_helo_restrictions = check_helo_ns_access inline:{127.0.0.9=REJECT}", "smtpd_sender_restrictions = check_sender_ns_access inline:{127.0.0.9=REJECT, 127.0.0.8=REJECT}"], [*rcpt("joe@example.test", helo="HELO [127.0.0.9]"), "RSET", "HELO x.test", "MAIL FROM:<a@[127.0.0.8]>", JOE[2]]),
    "end of data, lost": ([], [*JOE, "DATA", "x: y\r\n\r\nx\r\n."]),
    **{f"reject_code {n}": ([f"reject_code = {n}", "smtpd_recipient_restrictions = reject"], JOE) for n in (250, 99, 399, 600, 5550)},
    "a code that accepts, soft bounce": (["unknown_local_recipient_reject_code = 250", "soft_bounce = yes"], UNKNOWN),
    "a code that accepts, in a table": (["smtpd_recipient_restrictions = check_recipient_access inline:{{joe@=250 fine}}"], JOE),
    "a code that accepts, of a list": (["smtpd_client_restrictions = reject_rbl_client list.test", "maps_rbl_reject_code = 250"], JOE),
    "stress, timeout": (["stress = yes", "smtpd_timeout = ${stress?{1}:{90}}s"], [*HELLO, None]),
    "stress, errors": (["stress = yes"], [*HELLO, "FOO", None]),
    "stress, junk": (["stress = yes", "smtpd_hard_error_limit = 3"], [*HELLO, *4 * ["NOOP"], None]),
    "stress that is empty": (["stress ="], [*HELLO, "FOO", "BAR"]),
    "end of data, timeout": (["smtpd_timeout = 1s"], [*JOE, "DATA", "x: y\r\n\r\nx\r\n.", None]),
    "literals of recipients": (["smtpd_recipient_restrictions = check_recipient_mx_access inline:{127.0.0.8=REJECT}, check_recipient_ns_access inline:{127.0.0.7=REJECT}, check_recipient_a_access inline:{127.0.0.6=REJECT, ::1=REJECT}, reject_unauth_destination", "smtpd_relay_restrictions ="], rcpt("a@[127.0.0.8]", "a@[127.0.0.7]", "a@[127.0.0.6]", "a@[IPv6:::1]", "a@[x]")),
}
CASES |= {
    "no names of peers, code": (["smtpd_peername_lookup = no", "unknown_client_reject_code = 571", "smtpd_client_restrictions = reject_unknown_client_hostname"], JOE, "127.0.0.20"),
    "check_reverse_client_hostname_access": (["smtpd_client_restrictions = check_reverse_client_hostname_access inline:{.peer.test=REJECT, peer.test=REJECT}"], JOE, "127.0.0.20"),
    "check_client_access": (["smtpd_client_restrictions = check_client_access inline:{{host.peer.test=571 5.7.9 no}}"], JOE, "127.0.0.20"),
    "footer at the end": (["smtpd_reject_footer = foot", "smtpd_hard_error_limit = 2"], [*HELLO, "FOO", "FOO", "NOOP"]),
    "warn_if_reject and soft bounces": (["smtpd_recipient_restrictions = warn_if_reject, reject", "soft_bounce = yes"], JOE),
    "soft bounce of bare newlines": (["smtpd_forbid_bare_newline = reject", "soft_bounce = yes"], [*JOE, "DATA", "a\nb\r\n."]),
    "soft bounce of sizes": (["message_size_limit = 100", "soft_bounce = yes"], [*HELLO, "MAIL FROM:<a@client.test> SIZE=200"]),
    "soft bounce and defer_if_reject": (["smtpd_recipient_restrictions = defer_if_reject, reject", "soft_bounce = yes"], JOE),
    "HELO after EHLO": ([], [*HELLO, "HELO x", "RCPT", *JOE[1:], "DATA", "x: y\r\n\r\nx\r\n."]),
    "postmaster of this host": (
        ["smtpd_client_restrictions = reject", "smtpd_relay_restrictions = reject"],
        [*rcpt("postmaster", "POSTmaster", "postmaster@example.test", "abuse"), "VRFY postmaster", "VRFY joe", "DATA", "x: y\r\n\r\nx\r\n."],
    ),
    "postmaster, not listed": (["local_recipient_maps = inline:{x=y}"], rcpt("postmaster", "Postmaster@example.test", "postmaster+x@example.test", "postmaster@vmail.test", "postmaster@valias.test", "postmaster@relay.test")),
    "postmaster, no list": (["local_recipient_maps = fail:x"], rcpt("postmaster", "postmaster@example.test")),
    "domain of an address as it is resolved": (
        ["smtpd_relay_restrictions = permit_mynetworks, reject", "smtpd_recipient_restrictions = reject_unknown_recipient_domain", "unknown_address_reject_code = 573"],
        [
            *HELLO,
            *("VRFY " + address for address in ("joe", "nosuch.test!joe", "good.test!joe", "joe%nosuch.test@example.test")),
            *rcpt("joe", "nosuch.test!joe", "good.test!joe", "joe%nosuch.test@example.test", "joe%good.test@example.test")[1:],
        ],
        "127.0.0.10",
    ),
    "domain of a sender as it is resolved": (["smtpd_sender_restrictions = reject_unknown_sender_domain"], rcpt("joe@example.test", sender="nosuch.test!joe")),
    "access of recipients, as they resolve": (
        [
            "smtpd_relay_restrictions = permit_mynetworks, reject",
            "smtpd_recipient_restrictions = check_recipient_access inline:{good.test=REJECT, ann@far.test=REJECT, bob@=REJECT, example.test=REJECT, {mail.example.test=REJECT}}",
        ],
        rcpt("a@good.test", "good.test!a", "a%good.test@example.test", "far.test!ann", "far.test!a", "far.test!bob", "joe", "bob", "a@far.test", "@x.test:a@good.test", '"a@good.test"@far.test', '"a b"'),
        "127.0.0.10",
    ),
    "access of senders, as they resolve": (
        ["smtpd_sender_restrictions = check_sender_access inline:{good.test=REJECT, ann@far.test=REJECT, bob@=REJECT, {example.test=REJECT}}"],
        [*HELLO, *(line for sender in ("good.test!a", "a%good.test@example.test", "far.test!ann", "joe", "far.test!a", "bob", "") for line in (f"MAIL FROM:<{sender}>", "RCPT TO:<joe@example.test>", "RSET"))],
    ),
    "strict envelopes and VRFY": (["strict_rfc821_envelopes = yes"], [*HELLO, "VRFY joe", "VRFY <joe>", "MAIL FROM:a@client.test", "MAIL FROM:<a@client.test>", "RCPT TO:joe@example.test"]),
    "long reply": ([], rcpt("a" * 600 + "@example.test")),
    "transport error": (["transport_maps = inline:{{relay.test = error:5.2.2 full}, {vmail.test = retry:4.2.2 busy}, {valias.test=error:5.3.3 x}}"], rcpt("x@relay.test", "x@vmail.test", "x@valias.test")),
}
for kind in ("client", "reverse_client_hostname"):
    for which in ("a", "mx", "ns"):
        for table in ("127.0.0.33=REJECT", f"{which}.peer.test=REJECT", "{peer.test=571 5.7.9 no}", "127.0.0=DEFER", "127.0.0.20=OK"):
            CASES[f"check_{kind}_{which}_access {table}"] = ([f"smtpd_client_restrictions = check_{kind}_{which}_access inline:{{{table}}}"], JOE, "127.0.0.20")
RBL = ["smtpd_client_restrictions = reject_rbl_client list.test=127.0.0.2"]
CASES |= {
    "listed": (RBL, JOE),
    "listed with a reply for all": (RBL + ["default_rbl_reply = 571 5.7.9 $rbl_class $rbl_what $rbl_domain $rbl_reason $rbl_txt $client $client_name $client_address $reverse_client_name $helo_name $sender $recipient $recipient_domain $recipient_name $sender_domain $sender_name $rbl_code"], JOE),
    "listed with a code": (RBL + ["maps_rbl_reject_code = 471"], JOE),
    "listed with a reply without code": (RBL + ["default_rbl_reply = go away"], JOE),
    "listed with a reply for now": (RBL + ["default_rbl_reply = 450 go away"], JOE),
    "listed with a reply of another class": (RBL + ["default_rbl_reply = 450 5.7.1 go away"], JOE),
    "listed with a reply that is a word": (RBL + ["rbl_reply_maps = pcre:{{/127.0.0.2/ 554 x}}"], JOE),
    "listed with tables": (RBL + ["rbl_reply_maps = pcre:{{/^list.test=127.0.0.2/ 571 $$$$rbl_what is listed}}"], JOE),
    "listed with a table that fails": (RBL + ["rbl_reply_maps = hash:/none"], JOE),
    "listed, filter of replies": (RBL + ["default_rbl_reply = 571 $rbl_what $helo_name", "smtpd_expansion_filter = 0123456789"], JOE),
    "listed, dollar in helo": (RBL + ["default_rbl_reply = 571 $helo_name"], rcpt("joe@example.test", helo="HELO $rbl_what")),
    "listed name": (["smtpd_sender_restrictions = reject_rhsbl_sender list.test, reject_rhsbl_helo list.test"], [*rcpt("joe@example.test", sender="a@bad.test"), "RSET", "HELO bad.test", *JOE[1:]]),
    "permit_rhswl_client": (["smtpd_client_restrictions = permit_rhswl_client list.test, reject"], JOE, "127.0.0.20"),
    "permit_rhswl_client, another": (["smtpd_client_restrictions = permit_rhswl_client other.test, reject"], JOE, "127.0.0.20"),
    "permit_rhswl_client, filter": (["smtpd_client_restrictions = permit_rhswl_client list.test=127.0.0.3, reject"], JOE, "127.0.0.20"),
    "permit_rhswl_client, fails": (["smtpd_client_restrictions = permit_rhswl_client broken.test, reject"], JOE, "127.0.0.20"),
    "permit_rhswl_client and relay": (["smtpd_relay_restrictions = permit_rhswl_client list.test, reject"], [*JOE, RELAY[2]], "127.0.0.20"),
    "dns filter of sender": (["smtpd_sender_restrictions = reject_unknown_sender_domain", "smtpd_dns_reply_filter = pcre:{{/^(good|mx.good)/ IGNORE}}"], rcpt("joe@example.test", sender="a@good.test")),
    "dns filter of exchangers": (["smtpd_sender_restrictions = reject_unknown_sender_domain", "smtpd_dns_reply_filter = pcre:{{/ MX / IGNORE}}"], rcpt("joe@example.test", sender="a@good.test")),
    "dns filter of helo": (["smtpd_helo_restrictions = reject_unknown_helo_hostname", "smtpd_dns_reply_filter = pcre:{{/^good/ IGNORE}}"], rcpt("joe@example.test", helo="HELO good.test")),
    "dns filter of lists": (RBL + ["smtpd_dns_reply_filter = pcre:{{/ A 127.0.0.2/ IGNORE}}"], JOE),
    "dns filter of reasons": (RBL + ["smtpd_dns_reply_filter = pcre:{{/ TXT / IGNORE}}"], JOE),
    "dns filter of hosts": (["smtpd_sender_restrictions = check_sender_mx_access inline:{127.0.0.33=REJECT}", "smtpd_dns_reply_filter = pcre:{{/ 127.0.0.33/ IGNORE}}"], rcpt("joe@example.test", sender="a@good.test")),
    "dns filter of exchangers for access": (["smtpd_sender_restrictions = check_sender_mx_access inline:{127.0.0.33=REJECT}", "smtpd_dns_reply_filter = pcre:{{/ MX / IGNORE}}"], rcpt("joe@example.test", sender="a@good.test")),
    "dns filter of client names": (["smtpd_client_restrictions = reject_unknown_client_hostname", "smtpd_dns_reply_filter = pcre:{{/peer/ IGNORE}}"], JOE, "127.0.0.20"),
    "dns filter with a bad action": (["smtpd_sender_restrictions = reject_unknown_sender_domain", "smtpd_dns_reply_filter = pcre:{{/ MX / FOO}}"], rcpt("joe@example.test", sender="a@good.test")),
    "dns filter that fails": (["smtpd_sender_restrictions = reject_unknown_sender_domain", "smtpd_dns_reply_filter = hash:/none"], rcpt("joe@example.test", sender="a@good.test")),
    "backup exchanger": (["smtpd_relay_restrictions = permit_mx_backup, reject"], rcpt(*(f"a@{d}.test" for d in ("backup", "primary", "good", "no.such", "slow", "relay", "null", "nomx")), "a@[127.0.0.9]", "a%x@backup.test", "a", "joe@example.test")),
    "backup exchanger, hosts": (["smtpd_relay_restrictions = permit_mx_backup, reject"], rcpt(*(f"a@{d}.test" for d in ("two", "other", "missing", "halfslow", "slowsecond", "lost", "laterlost", "same")))),
    "backup exchanger, then permit": (["smtpd_relay_restrictions = permit_mx_backup, permit_mynetworks, reject", "mynetworks = 127.0.0.9"], rcpt(*(f"a@{d}.test" for d in ("slow", "missing", "primary", "good")))),
    "backup exchanger in a list of clients": (["smtpd_client_restrictions = permit_mx_backup, reject", "smtpd_relay_restrictions = permit_mx_backup, reject"], rcpt("a@backup.test", "a@slow.test", "joe@example.test")),
    "backup exchanger, networks": (["smtpd_relay_restrictions = permit_mx_backup, reject", "permit_mx_backup_networks = 127.0.0.33"], rcpt(*(f"a@{d}.test" for d in ("backup", "primary", "good", "other", "two", "relay", "missing", "halfslow")))),
    "backup exchanger, other networks": (["smtpd_relay_restrictions = permit_mx_backup, reject", "permit_mx_backup_networks = 127.0.0.34"], rcpt(*(f"a@{d}.test" for d in ("backup", "other", "two", "relay", "missing", "halfslow")))),
    "backup exchanger, names": (["smtpd_relay_restrictions = permit_mx_backup, reject", "permit_mx_backup_networks = mx.good.test"], rcpt(*(f"a@{d}.test" for d in ("backup", "two")))),
}
PORTS = {name: 2600 + i for i, name in enumerate(CASES)}
MASTER = "".join(
    f"{PORTS[name]} inet n - n - - smtpd" + "".join(f" -o {{ {s} }}" for s in settings) + "\n"
    for name, (settings, *_) in CASES.items()
)
DNS = {
    "20.0.0.127.in-addr.arpa": {"PTR": ["host.peer.test"]},
    "host.peer.test": {"A": ["127.0.0.20", "127.0.0.33"], "MX": ["10 mx.peer.test"]},
    "mx.peer.test": {"A": ["127.0.0.33"]},
    "ns.peer.test": {"A": ["127.0.0.33"]},
    "peer.test": {"NS": ["ns.peer.test"]},
    "slow.test": {"MX": "SERVFAIL", "A": "SERVFAIL", "AAAA": "SERVFAIL"},
    "null.test": {"MX": ["0 ."]},
    "9.0.0.127.list.test": {"A": ["127.0.0.2"], "TXT": ["see http://list.test/?$x"]},
    "bad.test.list.test": {"A": ["127.0.0.2"]},
    "host.peer.test.list.test": {"A": ["127.0.0.2"]},
    "host.peer.test.broken.test": {"A": "SERVFAIL"},
    "good.test": {"MX": ["10 mx.good.test"], "A": ["127.0.0.33"]},
    "mx.good.test": {"A": ["127.0.0.33"]},
    "mx.other.test": {"A": ["127.0.0.34"]},
    "mx.slow.test": {"A": "SERVFAIL", "AAAA": "SERVFAIL"},
    "nomx.test": {"A": ["127.0.0.33"]},
    "backup.test": {"MX": ["10 mx.good.test", "20 mail.example.test"]},
    "other.test": {"MX": ["10 mx.other.test", "20 mail.example.test"]},
    "two.test": {"MX": ["10 mx.good.test", "10 mx.other.test", "20 mail.example.test"]},
    "missing.test": {"MX": ["10 mx.none.test", "20 mail.example.test"]},
    "slowsecond.test": {"MX": ["10 mx.good.test", "20 mx.slow.test"]},
    "halfslow.test": {"MX": ["10 mx.slow.test", "20 mail.example.test"]},
    "lost.test": {"MX": ["10 mx.none.test", "20 mx.good.test", "30 mail.example.test"]},
    "laterlost.test": {"MX": ["10 mx.good.test", "20 mx.none.test", "30 mail.example.test"]},
    "same.test": {"MX": ["10 mx.good.test", "10 mail.example.test"]},
    "primary.test": {"MX": ["10 mail.example.test", "20 mx.good.test"]},
}


def read_reply(lines):
    reply = [lines.readline().decode(errors="replace").rstrip("\r\n")]
    while reply[-1][3:4] == "-":
        reply.append(lines.readline().decode(errors="replace").rstrip("\r\n"))
    return reply


def talk(mta, port, said, source="127.0.0.9"):
    """[line said, *reply] for each, and what smtpd logged."""
    mark = mta.log.mark()
    seen = []
    with socket.create_connection((mta.address, port), 20, (source, 0)) as s, s.makefile("rb") as lines:
        seen.append(read_reply(lines))
        for line in said:
            s.sendall(b"" if line is None else line.encode() + b"\r\n")
            seen.append([line or "(waits)", *read_reply(lines)])
    mta.log.wait(r"smtpd\[\d+\]: disconnect from", since=mark)
    return [mta.mask(reply) for reply in seen], mta.masked_log(mark, "/smtpd")


# Warnings of configuration in words of our own.
OWN_WORDS = {
    "a code that accepts, in a table",
    "a code that accepts, of a list",
    "footer that is malformed",
    "footer table fails",
    "footer table fails, no footer",
    "listed with a reply without code",
    "listed with a table that fails",
    "dns filter with a bad action",
    "dns filter that fails",
}
# Debian's says what getaddrinfo(3) makes of an answer, we what the name server said.
REASON = re.compile(r"Name or service not known|Host not found(, try again)?")


def plain(lines):
    return [REASON.sub("REASON", line) for line in lines]


@pytest.mark.parametrize("name", CASES)
def test_session(ours, oracle, dns, name):
    dns.names.update(DNS)
    mine, theirs = (talk(mta, PORTS[name], *CASES[name][1:]) for mta in (ours, oracle))
    assert [plain(reply) for reply in mine[0]] == [plain(reply) for reply in theirs[0]]
    if name in OWN_WORDS:
        assert any("warning: " in line for line in mine[1])
    else:
        assert plain(mine[1]) == plain(theirs[1])


def test_a_class_that_cannot_be_looked_up_is_no_mistake_of_the_access_table(ours, oracle):
    seen = []
    for mta in (ours, oracle):
        before = mta.read("/etc/postfix/main.cf")
        mta.configure("virtual_alias_domains = hash:/none")
        seen.append(
            talk(mta, PORTS["access of recipients, as they resolve"], rcpt("joe@example.test", "a@good.test"), "127.0.0.10")[0]
            + talk(mta, PORTS["access of senders, as they resolve"], rcpt("joe@example.test", sender="a@good.test"))[0]
        )
        mta.write_main(before)
        mta.reload()
    assert seen[0] == seen[1]
    assert ["RCPT TO:<a@good.test>", "451 4.3.0 <a@good.test>: Temporary lookup failure"] in seen[0]
