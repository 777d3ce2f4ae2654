"""Fixtures of every test here; the tests run in a network of their own."""

import os
import pathlib
import shutil
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

pytest.register_assert_rewrite("compat.scripted", "compat.deliveries")

from harness import roots, sandbox  # noqa: E402
from harness.dns import NameServer  # noqa: E402
from harness.instance import Instance  # noqa: E402

STATE = {"fetched": False}
FEW = 5  # more than that is no accident


def pytest_addoption(parser):
    parser.addoption("--flavour", choices=["postern", "oracle"], default="postern", help="what mta is")
    parser.addoption("--few-failed", help="where to write which tests failed, when few did: they are to be run again")
    parser.addoption("--only-those", help="a file with the names of the only tests to run")


def pytest_configure(config):
    # a run in the background has them ignored, and so would have all that it starts
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    config.addinivalue_line("markers", "slow: takes longer than a few seconds")
    if os.geteuid() != 0:
        pytest.exit("these tests need root: they make namespaces and deliver as other users", 3)


def pytest_collection_modifyitems(config, items):
    if config.option.only_those:
        names = pathlib.Path(config.option.only_those).read_text(encoding="utf-8").splitlines()
        items[:] = [item for item in items if item.nodeid in names]


def pytest_collection_finish(session):
    """Fetch the oracle while the real network is there, then leave that network."""
    if session.config.option.collectonly:
        return
    needs = {name for item in session.items for name in item.fixturenames}
    if needs & {"oracle", "oracle_stage", "peer"} or session.config.option.flavour == "oracle":
        roots.oracle()
    sandbox.enter_network()
    STATE["dns"] = NameServer()


def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    passed = len(stats.get("passed", []))
    failed = list(dict.fromkeys(report.nodeid for kind in ("failed", "error") for report in stats.get(kind, [])))
    again = terminalreporter.config.option.few_failed
    if again and len(failed) <= FEW:
        pathlib.Path(again).write_text("".join(f"{name}\n" for name in failed), encoding="utf-8")
        passed = len({report.nodeid for report in stats.get("passed", [])} - set(failed))
        failed = []
    terminalreporter.write_line(f"{passed} passed, {len(failed)} failed")


@pytest.fixture(scope="module", autouse=True)
def fresh_names():
    """No test file sees the names of the one that ran before it."""
    STATE["dns"].names.clear()


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


def started(request, folder, flavour):
    """An instance in that folder with what the test module says: MAIN, MASTER (lines),
    ETC (files), DOMAIN."""
    module = request.module
    instance = Instance.make(
        folder,
        flavour,
        main=getattr(module, "MAIN", ""),
        master=getattr(module, "MASTER", ""),
        etc=getattr(module, "ETC", {}),
        domain=getattr(module, "DOMAIN", None),
    )
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
def mta(request, work):
    """The mail system under test, started; one a module. Ours, or with
    --flavour=oracle Debian's Postfix, to see that the test itself is right."""
    instance = started(request, work / "mta", request.config.option.flavour)
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def oracle(request, work):
    """Debian's Postfix, started; one a module."""
    instance = started(request, work / "oracle", "oracle")
    yield instance
    instance.close()


@pytest.fixture(scope="module")
def ours(request, work):
    """Our mail system, to be compared with oracle; started, one a module. With
    --flavour=oracle a second one of Debian's: the comparison itself is tried."""
    instance = started(request, work / "ours", request.config.option.flavour)
    yield instance
    instance.close()
