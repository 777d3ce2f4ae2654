"""postfix check: every mistake of a long list is told of, with file, line and column.

A row is a name, what is added to which file, and what must be said. "@" stands before the
place that must be named, and is taken out of the text."""

import pytest

from harness.instance import Instance

MAIN, MASTER = "/etc/postfix/main.cf", "/etc/postfix/master.cf"

MISTAKES = [
    # names
    ("typo in a name", MAIN, "@smtpd_banne = x", "warning", 'did you mean "smtpd_banner"?'),
    ("name of an older version", MAIN, "@authorized_verp_client = x", "warning", 'did you mean "authorized_verp_clients"?'),
    ("read-only name", MAIN, "@process_name = x", "warning", "process_name cannot be set"),
    ("typo in a reference", MAIN, "mydestination = $@myhostnam, localhost", "warning", 'undefined parameter: myhostnam, did you mean "myhostname"?'),
    ("user's name that nothing uses", MAIN, "@zz_my_list = a, b", "warning", "unused parameter: zz_my_list"),
    ("comment behind a value", MAIN, "smtpd_banner = hello @# you", "warning", "begins no comment"),
    ("no equals sign", MAIN, "@mynetworks 127.0.0.0/8", "error", "missing '='"),
    ("typo in an option", MASTER, "2525 inet n - n - - smtpd -o @smtpd_bannr=x", "warning", 'did you mean "smtpd_banner"?'),
    # types and ranges
    ("bad boolean", MAIN, "soft_bounce = @maybe", "error", "bad boolean configuration"),
    ("bad number", MAIN, "default_process_limit = @many", "error", "bad numerical configuration"),
    ("number out of range", MAIN, "max_use = @-1", "error", "< 0"),
    ("host name that is none", MAIN, "myhostname = @mail..example", "error", "parameter myhostname: bad parameter value: mail..example"),
    ("host name that is empty", MAIN, "myhostname =@", "error", "bad string length 0 < 1"),
    ("domain that is an address", MAIN, "mydomain = @192.0.2.1", "error", "a number is no name"),
    ("host name of a service", MASTER, "2525 inet n - n - - smtpd -o myhostname=@x_.-y", "error", "misplaced hyphen"),
    ("two units of time", MAIN, "queue_run_delay = @1h30m", "warning", "of 1h30m only 1h is read"),
    ("bad time unit", MAIN, "queue_run_delay = @5y", "error", "bad time value or unit"),
    ("reply code", MAIN, "unknown_local_recipient_reject_code = @99", "error", "no SMTP reply code"),
    ("word of a choice", MAIN, "inet_protocols = ipv4, @ipv5", "error", 'did you mean "ipv4"?'),
    ("level of a choice", MAIN, "smtp_tls_security_level = @mya", "error", 'did you mean "may"?'),
    ("word of security options", MAIN, "smtpd_sasl_security_options = noanonymous, @noplaintex", "error", 'did you mean "noplaintext"?'),
    ("word of security options of the client", MAIN, "smtp_sasl_tls_security_options = @noanonymus", "error", 'did you mean "noanonymous"?'),
    ("SASL implementation", MAIN, "smtpd_sasl_type = @dovcot", "error", 'did you mean "dovecot"?'),
    ("protocol of a load balancer", MASTER, "2525 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=@haproxi", "error", 'did you mean "haproxy"?'),
    ("action of postscreen", MAIN, "postscreen_greet_action = @enforced", "error", 'did you mean "enforce"?'),
    ("what to do about an address that is not verified", MAIN, "unverified_sender_tempfail_action = @permit", "error", "unverified_sender_tempfail_action"),
    ("macro that does not close", MAIN, "smtpd_banner = @${myhostname", "error", "smtpd_banner"),
    ("value of an option", MASTER, "2525 inet n - n - - smtpd\n  -o soft_bounce=@perhaps", "error", "bad boolean configuration"),
    ("network with host bits", MAIN, "mynetworks = 127.0.0.0/8, @192.168.1.1/24", "error", "192.168.1.0/24"),
    ("unknown user", MAIN, "default_privs = @nosuchuser", "error", "user nosuchuser is not known"),
    ("environment without a name", MAIN, "import_environment = @MAIL_CONFIG {=x}", "error", "missing attribute name"),
    # files and tables
    ("certificate that is not there", MAIN, "smtpd_tls_cert_file = @/etc/ssl/none.pem", "error", "No such file"),
    ("version of TLS", MAIN, "smtpd_tls_protocols = @>=TLSv1.2, !TLSv1.9", "error", '"!TLSv1.9" is no version of TLS'),
    ("versions of TLS that leave none", MAIN, "smtp_tls_mandatory_protocols = @!TLSv1.3, >=TLSv1.3", "error", "leaves no version"),
    ("cipher grade", MAIN, "smtpd_tls_ciphers = @strong", "error", '"strong" is no cipher grade'),
    ("TLS without a certificate", MAIN, "smtpd_tls_security_level = @may", "error", "no certificate for TLS"),
    ("TLS without a certificate, in an option", MASTER, "2525 inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=@yes", "error", "no certificate for TLS"),
    ("list file that is not there", MAIN, "mydestination = localhost,\n  @/etc/postfix/none", "error", "No such file"),
    ("table without index", MAIN, "canonical_maps = @hash:/etc/postfix/master.cf", "error", "postmap hash:/etc/postfix/master.cf"),
    ("table that is not there", MAIN, "virtual_alias_maps = static:a,\n  @texthash:/etc/postfix/none", "error", "No such file"),
    ("typo in a table type", MAIN, "virtual_alias_maps = @hahs:/etc/aliases", "error", 'did you mean "hash"?'),
    ("table without type", MAIN, "virtual_alias_maps = @virtual", "error", "no table"),
    ("table behind a reference", MAIN, "my_tables = static:x @texthash:/none\nalias_maps = $my_tables", "error", "alias_maps: open"),
    ("mapping of table types that proxymap would ask itself for", MAIN, "non_bdb_custom_mapping = @proxy:texthash:/etc/aliases", "error", "proxymap asks this table itself"),
    ("the same inside another table", MAIN, "non_bdb_custom_mapping = @unionmap:{proxy:texthash:/etc/aliases}", "error", "proxymap asks this table itself"),
    # restrictions
    ("typo in a restriction", MAIN, "smtpd_client_restrictions = @permit_mynetwork", "error", 'did you mean "permit_mynetworks"?'),
    ("word behind a final permit", MAIN, "smtpd_client_restrictions = permit_mynetworks, permit,\n  @reject_unknown_client_hostname", "warning", "never reached"),
    ("word behind a final reject", MAIN, "smtpd_helo_restrictions = reject @permit_mynetworks", "warning", "never reached"),
    ("argument missing", MAIN, "smtpd_client_restrictions = @check_client_access", "error", "argument missing"),
    ("table of a restriction", MAIN, "smtpd_client_restrictions = check_client_access @texthash:/none", "error", "open"),
    ("table of logins", MAIN, "smtpd_sender_restrictions = check_sasl_access @texthash:/none", "error", "open"),
    ("argument that is no table", MAIN, "smtpd_sender_restrictions = check_sender_access @/etc/postfix/senders", "error", "no table"),
    ("policy service without its kind", MAIN, "smtpd_client_restrictions = check_policy_service @127.0.0.1:10023", "error", "neither inet:host:port nor unix:path"),
    ("policy service that is not there", MAIN, "smtpd_client_restrictions = check_policy_service @unix:private/polcy", "error", 'no service "polcy"'),
    ("option of a policy service", MAIN, "smtpd_client_restrictions = check_policy_service { inet:127.0.0.1:10023, @time=1s }", "error", 'no option "time"'),
    ("value of an option of a policy service", MAIN, "smtpd_client_restrictions = check_policy_service { inet:127.0.0.1:10023, @timeout=1y }", "error", "bad time value or unit"),
    ("policy service with half an option", MAIN, "smtpd_client_restrictions = check_policy_service { inet:127.0.0.1:10023, @foo }", "error", "no name=value"),
    ("class without definition", MAIN, "smtpd_restriction_classes = @lenient", "error", "lenient is not defined"),
    ("open relay: nothing refuses", MAIN, "smtpd_relay_restrictions = @permit_mynetworks", "error", "open relay"),
    ("open relay: permit first", MAIN, "smtpd_relay_restrictions = @permit, reject_unauth_destination", "error", "open relay"),
    ("open relay: the world is ours", MAIN, "mynetworks = 0.0.0.0/0\nsmtpd_relay_restrictions = @permit_mynetworks, reject", "error", "open relay"),
    ("open relay in an option", MASTER, "2525 inet n - n - - smtpd\n  -o smtpd_relay_restrictions=@permit,reject", "error", "open relay"),
    # services, ports, classes
    ("typo in a transport", MAIN, "default_transport = @smpt", "error", 'did you mean "smtp"?'),
    ("transport with next hop", MAIN, "relay_transport = @relya:[mail.example]", "error", 'did you mean "relay"?'),
    ("service that is not there", MAIN, "cleanup_service_name = @claenup", "error", 'did you mean "cleanup"?'),
    ("transport in a table", "/etc/postfix/routes", "a.example smtp:\n@b.example slow:", "error", 'no service "slow"'),
    ("filter of an option", MASTER, "2525 inet n - n - - smtpd -o content_filter=@scan:[127.0.0.1]:10024", "error", 'no service "scan"'),
    ("bad port of a relay", MAIN, "relayhost = @[mail.example]:smpt", "error", "smpt"),
    ("port out of range", MAIN, "relayhost = @[mail.example]:70000", "error", "70000"),
    ("bad port of a service", MASTER, "@smpt inet n - n - - smtpd", "error", "smpt"),
    ("bad port of a milter", MAIN, "smtpd_milters = @inet:127.0.0.1:dkimm", "error", "dkimm"),
    ("program that is not there", MASTER, "x unix - - n - - @smtpdd", "warning", "nothing is sent to service"),
    ("program of a port that is not there", MASTER, "2525 inet n - n - - @smtpdd", "error", "No such file"),
    ("unknown user of a pipe", MASTER, "x unix - n n - - pipe flags=R @user=nosuch argv=/bin/true", "warning", "user nosuch is not known"),
    ("command that is not there", MASTER, "x unix - n n - - pipe user=joe @argv=/bin/nosuch\n2525 inet n - n - - smtpd -o content_filter=x", "error", "No such file"),
    ("bad type of a service", MASTER, "@x uinx - - n - - smtp", "error", "uinx"),
    ("field missing", MASTER, "@x unix - - n", "error", ""),
    ("service twice", MASTER, "@smtp unix - - n - - smtp", "warning", "was defined in line"),
    ("two classes", MAIN, "virtual_mailbox_domains = a.example, @localhost", "error", "domain localhost is in both mydestination and virtual_mailbox_domains"),
    ("two classes by a table", MAIN, "virtual_alias_domains = inline:{{@localhost=x}}", "error", "domain localhost is in both"),
]


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    instance = Instance.make(tmp_path_factory.mktemp("check") / "box", "postern")
    instance.start(mail=False)
    instance.run("newaliases", check=True)
    yield instance
    instance.close()


@pytest.fixture
def files(box):
    """The files before the mistake; they come back after it."""
    before = {path: box.read(path) for path in (MAIN, MASTER)}
    yield before
    for path, text in before.items():
        box.write(path, text)


@pytest.mark.parametrize("path,text,level,words", [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_told_of_where_it_is(box, files, path, text, level, words):
    names = {line.split("=")[0].strip().lstrip("@") for line in text.splitlines() if "=" in line}
    if path == MASTER:
        whole = files[MASTER] + text + "\n"
    elif path == MAIN:
        whole = "".join(l for l in files[MAIN].splitlines(True) if l.split("=")[0].strip() not in names) + text + "\n"
    else:
        whole = text + "\n"
        box.write(MAIN, files[MAIN] + f"transport_maps = texthash:{path}\n")
    before = whole[: whole.rindex("@")]
    whole = before + whole[len(before) + 1 :]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    box.write(path, whole)
    done = box.postfix("check")
    told = [l for l in done.stderr.splitlines() if l.startswith(f"postfix: {level}: {path}:{line}:{column}: ")]
    assert any(words in l for l in told), done.stderr
    if level == "error":
        assert done.returncode == 1
    else:
        assert (done.returncode, len(done.stderr.splitlines())) == (0, 1), done.stderr


INCLUDED = [
    ("no equals sign", "myhostname = a.test\n@mynetworks 127.0.0.0/8", "error", "missing '='"),
    ("line that begins with a blank", "@  myhostname = a.test", "error", "white space"),
    ("bad time unit", "# a comment\nqueue_run_delay = @5y", "error", "bad time value or unit"),
    ("typo in a name", "@smtpd_banne = x", "warning", 'did you mean "smtpd_banner"?'),
    ("table behind a reference", "my_tables = static:x @texthash:/none\nalias_maps = $my_tables", "error", "open"),
    ("open relay", "smtpd_relay_restrictions =\n  @permit, reject_unauth_destination", "error", "open relay"),
    ("bad port", "relayhost = @[mail.example]:smpt", "error", "smpt"),
]


@pytest.mark.parametrize("text,level,words", [row[1:] for row in INCLUDED], ids=[row[0] for row in INCLUDED])
def test_a_mistake_in_conf_d_is_told_of_where_it_is(box, files, text, level, words):
    path = "/etc/postfix/conf.d/50-site.cf"
    before = text[: text.index("@")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    box.write(MAIN, files[MAIN] + "main_cf_include = yes\n")
    box.write("/etc/postfix/conf.d/10-first.cf", "relayhost = [first.example]:25\n")
    box.write(path, text.replace("@", "", 1) + "\n")
    done = box.postfix("check")
    told = [l for l in done.stderr.splitlines() if l.startswith(f"postfix: {level}: {path}:{line}:{column}: ")]
    assert any(words in l for l in told), done.stderr
    assert done.returncode == (1 if level == "error" else 0)
    box.write(MAIN, files[MAIN])
    assert box.postfix("check").stderr == ""


def test_a_good_configuration_is_told_nothing_of(box, files):
    box.write("/etc/postfix/routes", "a.example smtp:[b.example]:25\n.c.example relay:[d.example]:smtp, e.example\n")
    box.write(MAIN, files[MAIN] + (
        "mua_client = permit_sasl_authenticated, reject\n"
        "smtpd_restriction_classes = greylist\ngreylist = warn_if_reject reject\n"
        "transport_maps = texthash:/etc/postfix/routes\n"
        "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination,\n"
        "# a comment\n  reject_rbl_client zen.example, static:OK, greylist, permit\n"
        "virtual_alias_domains = v.example\nvirtual_alias_maps = inline:{{a@v.example=joe}, b=joe}\n"
        "relay_domains = $mydestination, r.example\nrelay_destination_concurrency_limit = 3\n"
        "smtp_fallback_relay = [mail.example]:587\nsmtpd_milters = unix:/run/x.sock, { inet:[127.0.0.1]:8891, default_action=accept }\n"
    ))
    box.write(MASTER, files[MASTER] + (
        "submission inet n - n - - smtpd -o syslog_name=postfix/submission\n"
        "  -o smtpd_client_restrictions=$mua_client -o { smtpd_banner = hello you }\n"
        "127.0.0.1:10025 inet n - n - - smtpd -o my_own=reject -o smtpd_relay_restrictions=permit_mynetworks,$my_own\n"
        "slow unix - - n - 1 smtp -o smtp_helo_timeout=5s\n"
    ))
    done = box.postfix("check")
    assert (done.returncode, done.stderr) == (0, "")


def test_all_mistakes_are_told_at_once(box, files):
    box.write(MAIN, files[MAIN] + "mail_owner = nobody-here\nmax_idle = soon\nrelayhost = [a]:b\n")
    lines = box.postfix("check").stderr.splitlines()
    assert [any(word in l for l in lines) for word in ("nobody-here", "max_idle", "[a]:b")] == [True] * 3


def test_a_reload_with_a_bad_value_is_refused(box, files):
    assert box.postfix("start").returncode == 0
    box.log.wait("daemon started")
    box.write(MAIN, files[MAIN] + "max_idle = soon\ncanonical_maps = hash:/none\n")
    done = box.postfix("reload")
    assert done.returncode == 1
    line = files[MAIN].count("\n") + 1
    assert done.stderr == (
        f"postfix: error: {MAIN}:{line}:12: parameter max_idle: bad time value or unit: soon\n"
        "postfix/postfix-script: fatal: the old configuration stays in force\n"
    )
    box.write(MAIN, files[MAIN])
    box.write(MASTER, files[MASTER] + "x unix - n\n")
    assert box.postfix("reload").returncode == 1
    box.write(MASTER, files[MASTER])
    box.reload()
    assert len([l for l in box.log.lines if "reload -- version" in l]) == 1
