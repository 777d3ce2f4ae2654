"""How fast tables are made and asked: Postern beside Debian's Postfix.

    /usr/bin/python3 tests/bench/tables.py              1,000,000 keys, 10,000 rules
    /usr/bin/python3 tests/bench/tables.py --keys 100000 --rules 1000 --only 'lmdb'

Building is what postmap takes for the whole of it. Lookups a second are what one
"postmap -q -" makes of many keys, its start taken off; half of the keys are there.
Times are those of the processor, since two runs at once would share it otherwise.
"""

import argparse
import fnmatch
import pathlib
import random
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import roots, sandbox  # noqa: E402
from harness.dns import NameServer  # noqa: E402
from harness.instance import Instance  # noqa: E402

INDEXED = ("hash", "btree", "lmdb", "cdb")


def spent(box, command):
    """Seconds of processor time that command takes, and what it says."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = box.run(command, timeout=1200)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1) or "fatal" in done.stderr:
        raise SystemExit(f"{command}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def asked(box, table, n, rounds):
    """Lookups a second of the n keys in /tmp/keys."""
    times = []
    for _ in range(rounds):
        start, _done = spent(box, f"postmap -q none {table}")
        whole, _done = spent(box, f"postmap -q - {table} </tmp/keys >/tmp/answers")
        times.append(max(whole - start, 0.001))
    return n / min(times)


def indexed(boxes, options):
    order = list(range(options.keys))
    random.Random(1).shuffle(order)
    text = "".join(f"user{i}@domain{i % 997}.example.com\tanother{i}@example.net\n" for i in order)
    wanted = order[: options.lookups // 2]
    keys = "".join(f"user{i}@domain{i % 997}.example.com\nnone{i}@domain{i % 997}.example.com\n" for i in wanted)
    for box in boxes:
        box.write("/tmp/t", text)
        box.write("/tmp/keys", keys)
    for kind in INDEXED:
        if not fnmatch.fnmatch(kind, options.only):
            continue
        built = [min(spent(box, f"postmap {kind}:/tmp/t")[0] for _ in range(options.rounds)) for box in boxes]
        rates = [asked(box, f"{kind}:/tmp/t", 2 * len(wanted), options.rounds) for box in boxes]
        row(f"{kind}, {options.keys} keys: seconds to build", built, lower=True)
        row(f"{kind}: lookups a second", rates)


RULES = (
    ("cidr", "cidr", lambda i: f"10.{i // 250}.{i % 250}.0/24 REJECT rule {i}"),
    ("regexp", "regexp", lambda i: f"/^user{i}@domain[0-9]+\\.example\\.com$/ REJECT rule {i}"),
    ("pcre", "pcre", lambda i: f"/^user{i}@domain\\d+\\.example\\.com$/ REJECT rule {i}"),
    ("pcre, not anchored", "pcre", lambda i: f"/user{i}@domain\\d+\\.example/ REJECT rule {i}"),
)


def patterns(boxes, options):
    for name, kind, rule in RULES:
        if not fnmatch.fnmatch(kind, options.only):
            continue
        n = max(options.lookups // 500, 20)
        some = [i * 7919 % options.rules for i in range(n // 2)]
        keys = "".join(f"10.{i // 250}.{i % 250}.7\n192.0.2.1\n" if kind == "cidr" else f"user{i}@domain1.example.com\nnone@none.test\n" for i in some)
        for box in boxes:
            box.write("/tmp/rules", "".join(rule(i) + "\n" for i in range(options.rules)))
            box.write("/tmp/keys", keys)
        rates = [asked(box, f"{kind}:/tmp/rules", 2 * len(some), options.rounds) for box in boxes]
        row(f"{name}, {options.rules} rules: lookups a second", rates)


def row(name, values, lower=False):
    ours, theirs = values
    ratio = theirs / ours if lower else ours / theirs
    form = "{:.2f}" if lower else "{:.0f}"
    print(f"{name:48} {form.format(ours):>12} {form.format(theirs):>12} {ratio:8.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=1000000)
    parser.add_argument("--rules", type=int, default=10000)
    parser.add_argument("--lookups", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="*", help="a type, or a pattern for types")
    options = parser.parse_args()
    roots.oracle()
    sandbox.enter_network()
    NameServer()
    folder = roots.TOP / "build/tmp/bench-tables"
    folder.mkdir(parents=True, exist_ok=True)
    boxes = [Instance.make(folder / flavour, flavour) for flavour in ("postern", "oracle")]
    try:
        for box in boxes:
            box.start(mail=False)
        print(f"{'':48} {'Postern':>12} {'Postfix':>12} {'better':>8}")
        indexed(boxes, options)
        patterns(boxes, options)
    finally:
        for box in boxes:
            box.close()


if __name__ == "__main__":
    main()
