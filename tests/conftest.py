"""Fixtures of every test here; the tests run in a network of their own."""

import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import roots, sandbox  # noqa: E402
from harness.dns import NameServer  # noqa: E402
from harness.instance import Instance  # noqa: E402

STATE = {"fetched": False}


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes longer than a few seconds")
    if os.geteuid() != 0:
        pytest.exit("these tests need root: they make namespaces and deliver as other users", 3)


def pytest_collection_finish(session):
    """Fetch the oracle while the real network is there, then leave that network."""
    if session.config.option.collectonly:
        return
    if any({"oracle", "both", "oracle_stage"} & set(item.fixturenames) for item in session.items):
        roots.oracle()
    sandbox.enter_network()
    STATE["dns"] = NameServer()


def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    passed = len(stats.get("passed", []))
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    terminalreporter.write_line(f"{passed} passed, {failed} failed")


@pytest.fixture
def dns():
    """The name server of the private network; its table is empty at first."""
    STATE["dns"].names.clear()
    return STATE["dns"]


@pytest.fixture(scope="module")
def work(request):
    """A folder on the disk of the build, one a test module, removed afterwards."""
    folder = roots.TOP / "build/tmp" / f"{request.module.__name__}.{os.getpid()}"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def started(folder, flavour):
    instance = Instance.make(folder / flavour, flavour)
    try:
        instance.start()
    except BaseException:
        instance.close()
        raise
    return instance


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """Remember how long each log was, so that a failure shows only its own lines."""
    boxes = [v for v in item.funcargs.values() if isinstance(v, Instance) and v.log]
    item.log_marks = [(box, box.log.mark()) for box in boxes]
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when != "call" or report.passed:
        return
    for box, mark in getattr(item, "log_marks", []):
        if box.log:
            report.sections.append((f"mail log of {box.flavour}", "\n".join(box.log.lines[mark:])))


@pytest.fixture(scope="module")
def mta(work):
    """Our mail system, started; one a module."""
    instance = started(work, "postern")
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def oracle(work):
    """Debian's Postfix, started; one a module."""
    instance = started(work, "oracle")
    yield instance
    instance.close()
