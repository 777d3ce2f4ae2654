"""make demo, as README.md tells newcomers to run it: it works, again and again, and goes away."""

import os
import pathlib
import subprocess
import tempfile

import pytest

from harness import roots

DEMO = roots.TOP / "tools/demo"


@pytest.fixture
def place():
    """A folder that other users can reach, as the demo needs; a checkout in /root is none."""
    with tempfile.TemporaryDirectory(prefix="postern-demo.", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def demo(mta, place):
    """Runs tools/demo in a folder of the test. mta is here for nothing but its
    flavour: Debian's Postfix has no demo."""
    if mta.flavour == "oracle":
        pytest.skip("the demo is ours")
    programs = roots.ours().parent / "bin"
    environment = os.environ | {"POSTERN_DEMO": str(place / "demo")}

    def run(word):
        return subprocess.run(
            [DEMO, word, *([programs] if word == "start" else [])],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    yield run
    run("stop")


def test_twice_and_gone(demo, place):
    for _ in range(2):
        done = demo("start")
        assert done.returncode == 0, done.stdout + done.stderr
        for shown in ("Subject: by sendmail", "Hello Ann.", "Subject: by SMTP", "Hello Joe.", "tools/demo stop"):
            assert shown in done.stdout
        assert done.stdout.count("status=sent") == 2
    assert demo("stop").returncode == 0
    assert not (place / "demo").exists()
    assert demo("stop").returncode == 0


def test_a_folder_of_somebody_else_is_left_alone(demo, place):
    (place / "demo").mkdir()
    (place / "demo/mine").write_text("mine")
    done = demo("start")
    assert done.returncode == 1 and "set POSTERN_DEMO to another folder" in done.stderr
    assert demo("stop").returncode == 0
    assert (place / "demo/mine").exists()
