"""The harness itself, tried with the oracle: mail goes in and comes out."""

TEXT = "From: a@client.test\nTo: joe@oracle.test\nSubject: t\n\nhello\n"


def test_oracle_delivers_to_a_mailbox(oracle):
    oracle.deliver("a@client.test", "joe@oracle.test", TEXT)
    (message,) = oracle.mbox("joe")
    assert message["Subject"] == "t"
    assert message.get_payload() == "hello\n"
    assert oracle.log.troubles() == []


def test_sandbox_has_its_own_users_and_processes(oracle):
    assert oracle.run(["id", "-un"], user="joe").stdout == "joe\n"
    assert len(oracle.processes("master")) == 1
    assert oracle.postfix("status").returncode == 0
