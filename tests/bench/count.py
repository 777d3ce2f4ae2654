"""What a message costs: Postern and Debian's Postfix side by side in the same run.

    make bench                                         the whole table, and the idle sessions
    /usr/bin/python3 tests/bench/count.py --quick      three rows in a minute
    /usr/bin/python3 tests/bench/count.py --only 'maildir*' --calls --programs

README.md says what the columns mean. Rounds of the systems alternate, medians stand
in the table, and a ratio is the median of the ratios of neighbouring rounds, so that
a busy machine hits both alike.

Reading order: scenarios.py (what is sent where), load.py (the client), systems.py
(what is measured), measure.py (how), this file (in which order), report.py.
"""

import argparse
import contextlib
import fnmatch
import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import roots, sandbox  # noqa: E402
from harness.dns import NameServer  # noqa: E402

from bench import disk, idle, measure, report, scenarios, systems  # noqa: E402
from bench.load import Load  # noqa: E402


def rounds(scenario, competitors, options):
    """{flavour: one dict of measurements a round}."""
    load, messages = Load(scenario), scenario.messages(options.scale)
    samples = {system.flavour: [] for system in competitors}
    for system in competitors:
        system.prepare(scenario)
        # Processes are there, caches filled. No third of it: a round of 300 messages after 100
        # others would end when each process that took part is used up and gone.
        load.run(system, max(messages // 4, scenario.sessions))
    for number in range(options.rounds):
        for system in competitors if number % 2 == 0 else reversed(competitors):
            system.clear()
            cpu, seconds = measure.spent(load, system, messages, system.group.cpu_ms)
            samples[system.flavour].append({"cpu": cpu, "rate": messages / seconds} | memory(system))
    for system in competitors:
        calls, switches = measure.calls_and_switches(load, system, messages)
        samples[system.flavour][0] |= {"calls": calls, "switches": switches}
        system.clear()
    return samples


def memory(system):
    programs = measure.memory_kb(system)
    return {"programs": programs, "memory": statistics.mean(kb for each in programs.values() for kb in each)}


def details(scenario, mail, options):
    """What --calls and --programs add, under a row."""
    load, messages = Load(scenario), scenario.messages(options.scale)
    found = []
    if options.calls:
        found.append(({m.flavour: measure.calls_by_name(load, m, max(messages // 3, 20)) for m in mail}, "{:.1f}"))
    if options.programs:
        found.append(({m.flavour: measure.cpu_by_program(load, m, messages) for m in mail}, "{:.3f}"))
    for values, form in found:
        yield from report.by_name(values, form)
    for system in mail if found else []:
        system.clear()


def measure_all(chosen, mail, floor, folder, options):
    """[(scenario, samples)], each printed at once."""
    results = []
    print(report.heading(), flush=True)
    for scenario in chosen:
        with contextlib.ExitStack() as stack:
            competitors = list(mail)
            if floor and scenario.floor is not None:
                competitors.append(systems.Floor(stack, folder / "floor-site", floor, scenario))
                competitors.append(systems.Floor(stack, folder / "divided-site", floor, scenario, divided=True))
            results.append((scenario, rounds(scenario, competitors, options)))
        print(report.row(*results[-1]), flush=True)
        for line in details(scenario, mail, options):
            print(line, flush=True)
    return results


def chosen_rows(options):
    rows = scenarios.table(options.all or bool(options.only))
    wanted = options.only or (scenarios.QUICK if options.quick else ["*"])
    found = [s for s in rows if any(fnmatch.fnmatch(s.name, w) for w in wanted)]
    return found or sys.exit(f"count.py: no such row; there are {' '.join(s.name for s in rows)}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("root", nargs="?", help="where our programs are installed (build/base/root)")
    add("--only", action="append", metavar="ROW", help="rows of that name: maildir, 'relay*', discard-20-reuse")
    add("--quick", action="store_true", help=f"{', '.join(scenarios.QUICK)}; three rounds, no idle sessions")
    add("--all", action="store_true", help="every combination of the changes")
    add("--flavour", choices=["postern", "oracle"], help="one system alone")
    add("--rounds", type=int, help="rounds to take the median of (5)")
    add("--scale", type=float, help="more or fewer messages a round (1; with --quick 0.5)")
    add("--idle", type=int, help="how many idle sessions; 0: none (1000; with --only or --quick none)")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a line of main.cf, for both")
    add("--here", action="store_true", help="on the file system of this tree")
    add("--calls", action="store_true", help="list the system calls by name, below a row")
    add("--programs", action="store_true", help="list the CPU of each program, below a row")
    add("--record", action="store_true", help="put the table in README.md")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.scale = options.scale or (0.5 if options.quick else 1)
    if options.idle is None:
        options.idle = 0 if options.quick or options.only else 1000
    return options


def main():
    options = arguments()
    if options.root:
        os.environ["POSTERN_ROOT"] = options.root
    chosen = chosen_rows(options)
    flavours = [options.flavour] if options.flavour else ["postern", "oracle"]
    if "oracle" in flavours:
        roots.oracle()
    sandbox.enter_network()
    NameServer()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(disk.ground(roots.TOP / "build/tmp", options.here))
        floor = systems.build_floor(folder)
        systems.start_sink(stack, floor)
        mail = [systems.Mail.begin(stack, folder / flavour, flavour, options.set) for flavour in flavours]
        results = measure_all(chosen, mail, floor, folder, options)
        idle_found = {m.flavour: idle.idle_sessions(m, options.idle) for m in mail} if options.idle else {}
        below = list(report.below(results, idle_found, options.idle))
        print("\n".join(["", *below]))
        if options.record:
            version = mail[-1].run(["postconf", "-h", "mail_version"], check=True).stdout.strip()
            report.record(report.markdown(results, below, report.machine(options.here, version)))


if __name__ == "__main__":
    main()
