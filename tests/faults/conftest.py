"""One seed decides all that is random in a run, and a sample is a part of the sweeps."""

import os
import random

import pytest

from .site import Site

LOG_LINES = 2000  # of a failed test


def pytest_addoption(parser):
    parser.addoption("--seed", default=os.environ.get("SEED") or str(random.randrange(10**6)))
    parser.addoption("--sample", action="store_true", help="a part of each sweep")


def pytest_collection_modifyitems(items):
    """Tests that last minutes stand far apart: a worker takes a dozen of them in a row."""
    long = [item for item in items if item.get_closest_marker("slow")]
    items[:] = [item for item in items if not item.get_closest_marker("slow")]
    step = len(items) // (len(long) + 1) + 1
    for n, item in enumerate(long):
        items.insert(n * (step + 1), item)


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.write_line(f"seed: {config.option.seed}  (again: make faults SEED={config.option.seed})")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the systems logged, with its seed all that is needed to repeat it."""
    report = (yield).get_result()
    if call.when == "call" and report.failed:
        for site in (v for v in item.funcargs.values() if isinstance(v, Site)):
            report.sections.append(("mail log", "\n".join((site.past + (site.box.log.lines if site.box.log else []))[-LOG_LINES:])))


@pytest.fixture
def rng(request):
    """Random choices that depend on the seed and the test alone, so that a test which is
    run alone repeats what it did among others."""
    return random.Random(f"{request.config.option.seed}/{request.node.nodeid}")


@pytest.fixture
def some(request, rng):
    """some(points, few): all points of a sweep in the whole run, FEW of them in a sample."""

    def choose(points, few):
        points = list(points)
        if not request.config.option.sample or len(points) <= few:
            return points
        return sorted(rng.sample(points, few))

    return choose
