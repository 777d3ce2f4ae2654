"""The table: on the terminal row by row, and in README.md."""

import collections
import pathlib
import re
import statistics
import time

from bench import disk, scenarios

README = pathlib.Path(__file__).with_name("README.md")
BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"

# heading, measurement, form, what stands under it: o ours, t Postfix's, r ours/theirs, f the floor's, x ours/floor,
# d the divided floor's, y ours/divided
COLUMNS = (
    ("messages/s", "rate", "{:.0f}", "otrf"),
    ("CPU, ms", "cpu", "{:.2f}", "otrfxdy"),
    ("system calls", "calls", "{:.0f}", "otrfd"),
    ("switches", "switches", "{:.1f}", "otrfd"),
    ("KB/process", "memory", "{:.0f}", "otr"),
)
WHOSE = {"o": "postern", "t": "oracle", "f": "floor", "d": "divided"}
OVER = {"r": "oracle", "x": "floor", "y": "divided"}
LABEL = {"o": "ours", "t": "Postfix", "r": "ratio", "f": "floor", "x": "/floor", "d": "4p", "y": "/4p"}


def middle(samples, key, flavour):
    values = [s[key] for s in samples.get(flavour, []) if s.get(key) is not None]
    return statistics.median(values) if values else None


def ratio(samples, key, flavour):
    """The median of the ratios of rounds next to each other."""
    pairs = zip(samples.get("postern", []), samples.get(flavour, []))
    values = [a[key] / b[key] for a, b in pairs if a.get(key) is not None and b.get(key)]
    return statistics.median(values) if values else None


def cells(samples):
    """The row's texts; "-" for what was not measured."""
    found = []
    for _, key, form, kinds in COLUMNS:
        for kind in kinds:
            if kind in WHOSE:
                value, shape = middle(samples, key, WHOSE[kind]), form
            else:
                value, shape = ratio(samples, key, OVER[kind]), "{:.2f}"
            found.append("-" if value is None else shape.format(value))
    return found


def heading():
    first = f"{'a message costs':<42}"
    for title, _, _, kinds in COLUMNS:
        first += f"{'  ' + title:<{8 * len(kinds)}}"
    labels = [LABEL[kind] for _, _, _, kinds in COLUMNS for kind in kinds]
    return f"{first}\n{'':<42}" + "".join(f"{label:>8}" for label in labels)


def row(scenario, samples):
    return f"{scenario.title:<42}" + "".join(f"{cell:>8}" for cell in cells(samples))


def by_name(values, form):
    """Lines {flavour: {name: number}}, the largest first."""
    names = {name for found in values.values() for name in found}
    for name in sorted(names, key=lambda n: -max(found.get(n, 0) for found in values.values())):
        texts = [form.format(found[name]) if name in found else "-" for found in values.values()]
        yield f"    {name:<24}" + "".join(f"{text:>10}" for text in texts)


def by_two(title, rows, form="{:.0f}"):
    """Lines of a small table: {what: (ours, theirs)}, either may be None."""
    yield f"{title:<34}      ours   Postfix     ratio"
    for what, (ours, theirs) in rows.items():
        texts = ["-" if value is None else form.format(value) for value in (ours, theirs)]
        texts.append(f"{ours / theirs:.2f}" if ours and theirs else "-")
        yield f"    {what:<30}" + "".join(f"{text:>10}" for text in texts)


def memory_by_program(results):
    """{program: (ours, theirs)}: the median of all its processes that were seen after a round."""
    seen = {flavour: collections.defaultdict(list) for flavour in ("postern", "oracle")}
    for _, samples in results:
        for flavour, programs in seen.items():
            for name, each in (item for sample in samples.get(flavour, []) for item in sample["programs"].items()):
                programs[name] += each
    names = sorted(set().union(*seen.values()))
    return {name: [statistics.median(p[name]) if name in p else None for p in seen.values()] for name in names}


def below(results, idle, sessions):
    """What stands under the table."""
    yield from by_two("KB of a process, in proportion", memory_by_program(results))
    if idle:
        pairs = {key: [idle.get(f, {}).get(key) for f in ("postern", "oracle")] for key in ("smtpd", "all", "cpu")}
        yield ""
        rows = {"KB of its smtpd": pairs["smtpd"], "KB of all programs": pairs["all"]}
        yield from by_two(f"{sessions} idle SMTP sessions, each", rows)
        yield from list(by_two("", {"CPU to begin it, ms": pairs["cpu"]}, "{:.2f}"))[1:]
    judged = list(verdicts(results, idle))
    missed = [line for kept, line in judged if not kept]
    yield f"\nwithin the budget: {len(judged) - len(missed)} of {len(judged)}" + (", but" if missed else "")
    yield from missed


def verdicts(results, idle):
    """(kept, line) for each budget that was measured."""
    for scenario, samples in results:
        budget = scenarios.BUDGET.get(scenario.name, scenarios.NO_BUDGET)
        limits = [
            ("system calls", middle(samples, "calls", "postern"), budget.calls),
            ("of Postfix's CPU", ratio(samples, "cpu", "oracle"), budget.share),
            ("of the floor's CPU", ratio(samples, "cpu", "floor"), budget.floor),
            ("of Postfix's time", slowness(samples), scenarios.TIME_BUDGET),
        ]
        yield from (verdict(scenario.title, *limit) for limit in limits if None not in limit)
    if {"postern", "oracle"} <= idle.keys():
        share = idle["postern"]["smtpd"] / idle["oracle"]["smtpd"]
        yield verdict("idle smtpd", "of Postfix's memory", share, scenarios.IDLE_BUDGET)


def slowness(samples):
    faster = ratio(samples, "rate", "oracle")
    return 1 / faster if faster else None


def verdict(title, what, value, limit):
    form = "{:.0f}" if limit >= 10 else "{:.2f}"
    return value <= limit, f"    {title}: {form.format(value)} {what}, at most {form.format(limit)}"


# --- README.md ---------------------------------------------------------------------


def machine(here, version):
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    memory = int(re.search(r"MemTotal: +(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    kernel = pathlib.Path("/proc/sys/kernel/osrelease").read_text().strip()
    model = (re.findall(r"^model name\s*: (.*)", cpu, re.M) or ["unknown processor"])[0]
    count = len(re.findall(r"^processor", cpu, re.M))
    return (
        f"Measured on {time.strftime('%Y-%m-%d')} with Postfix {version}: {count} x {model}, "
        f"{memory / (1 << 20):.0f} GB, Linux {kernel}, {disk.describe(here)}."
    )


def markdown(results, below_text, about):
    titles = [f"{title}: {LABEL[k]}" if i == 0 else LABEL[k] for title, _, _, ks in COLUMNS for i, k in enumerate(ks)]
    lines = [about, "", "| | " + " | ".join(titles) + " |", "|---|" + "--:|" * len(titles)]
    lines += [f"| {scenario.title} | " + " | ".join(cells(samples)) + " |" for scenario, samples in results]
    lines += ["", "```", *below_text, "```"]
    return "\n".join(lines) + "\n"


def record(text):
    """Put the results in their place in README.md."""
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")
