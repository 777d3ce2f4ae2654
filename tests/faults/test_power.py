"""T2, T3: the power fails while mail flows, on ext4 and on xfs."""

import time

import pytest

from .disk import Disk, power_off
from .site import Site

WHOLE = 100  # cuts


@pytest.fixture
def disk(work):
    """disk(kind, name): a disk of its own at that place below the test's folder."""

    def mount(kind, name):
        mount.mounted.append(Disk(work, name, kind))
        return mount.mounted[-1]

    mount.mounted = []
    yield mount
    for one in reversed(mount.mounted):
        one.remove()


def power_returns(site, disks):
    """What was not synced is forgotten, and all starts again."""
    for one in reversed(disks):
        one.unmount()
    for one in disks:
        one.mount()
    site.start()


def cuts(site, disks, count):
    """COUNT cuts, each while four clients hand in mail. The mark of a delivery is not
    synced, nor the removal of a message, so second copies are no fault here."""
    doubles = 0
    for _ in range(count):
        with site.senders(4) as senders:
            senders.progress(site.rng.randrange(1, 20))
            time.sleep(site.rng.random() / 10)  # an instant that nobody chose
            site.ledger.closed = True
            power_off(disks)
            site.cut()
        power_returns(site, disks)
        site.ledger.closed = False
        doubles += site.settle(None, None)
        site.forget()
    print(f"{count} cuts, {doubles} second copies")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_t02_power_cut(work, rng, disk, kind, request):
    """Queue and mailboxes on one file system. (The sink is another machine.)"""
    with Site(disk(kind, "site").place, rng) as site:
        cuts(site, disk.mounted, 5 if request.config.option.sample else WHOLE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_t03_power_cut_of_two_file_systems(work, rng, disk, kind, request):
    """Mailboxes on another file system than the queue: each keeps its own order."""
    site = Site(disk(kind, "site").place, rng)
    disk(kind, "site/home")
    with site:
        cuts(site, disk.mounted, 3 if request.config.option.sample else WHOLE)
