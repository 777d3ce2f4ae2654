"""T59: a suite that passes when a sync, a lock or a check is missing proves nothing.

    make mutants                 every mutant
    make mutants T=no-sync       one of them

Each mutant is a copy of this tree with one thing taken out, built, and given to the one
test that must fail on it.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
PLACE = TOP / "build/mutants"

# name: file, what stands there, what stands there then, the tests that must see it
MUTANTS = {
    "no-sync": ("queue/draft.c", "if (fsync(fd) < 0)", "if (0)", "t02_power_cut and ext4"),
    "no-maildir-sync": ("deliver/maildir.c", "if (fsync(f->fd) == 0 && fstat", "if (fstat", "t02_power_cut and ext4"),
    "no-maildir-folder-sync": (
        "deliver/durable.c",
        "return durable->ordered && st->st_dev == durable->queue;",
        "return durable && st;",
        "t03_power and ext4",
    ),
    "sync-error-ignored": ("queue/draft.c", "if (fsync(fd) < 0)", "if (fsync(fd) < 0 && fd < 0)", "t04_a_failed_sync"),
    "250-before-the-file-is-whole": (
        "cleanup/message.c",
        "                     m->flags & SUBMIT_HOLD ? QUEUE_HOLD : NULL, &why) < 0)\n        fail_with(m, &why);",
        "                     m->flags & SUBMIT_HOLD ? QUEUE_HOLD : NULL, &why) < 0)\n        (void)why;",
        "t04_a_failed_sync",
    ),
    "no-mark": (
        "queue/envelope.c",
        "    return record_retype(fd, recipient_offset, RECORD_RECIPIENT, RECORD_DONE, why);",
        "    (void)fd, (void)recipient_offset, (void)why;\n    return 0;",
        "t01_a_kill_at_every_step and bounce",
    ),
    "failed-write-of-the-bounce-log": (
        "bounce/log.c",
        "    if (file_pwrite_all(fd, text.p, text.n, at, why) < 0)\n        return -1;",
        "    if (file_pwrite_all(fd, text.p, text.n, at, why) < 0)\n        return 0;",
        "t04_a_log_of_failures",
    ),
    "failed-sync-of-the-bounce-log": ("bounce/log.c", "return fsync(fd) < 0 ?", "return fsync(fd) < 0 && fd < 0 ?", "t04_a_log_of_failures"),
    "failed-append-not-told": (
        "bounce/main.c",
        "    return reply(client, result, &reason);",
        "    return reply(client, 0, &reason);",
        "t04_a_log_of_failures",
    ),
    "failed-append-not-heard": (
        "deliver/report.c",
        'if (append(delivery, DELIVERY_LOG_BOUNCE, recipient, outcome, "failed") < 0) {',
        'if (append(delivery, DELIVERY_LOG_BOUNCE, recipient, outcome, "failed") < -1) {',
        "t04_a_log_of_failures",
    ),
    "failed-append-not-counted": (
        "deliver/report.c",
        "delivery->unlogged++; /* it must not expire unseen */",
        ";",
        "t04_what_is_in_no_log",
    ),
    "no-lock-of-the-queue-file": (
        "qmgr/admit.c",
        "if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, &why) != 0) {",
        "if (0) {",
        "t01_a_new_queue_manager",
    ),
    "no-lock-of-master": (
        "master/lock.c",
        "    status = file_lock_within(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, LOCK_TRIES,\n                              LOCK_DELAY_MS, why);",
        "    status = 0;",
        "t54_starts_at_once",
    ),
    "no-check-of-the-line-end": (
        "smtpd/content.c",
        "    return !strict || (!bare && !r->after_bare);",
        "    return !strict || bare || !bare;",
        "t58_smtpd and smuggling",
    ),
    "no-truncation": (
        "deliver/mailbox.c",
        "    if (regular && ftruncate(a->fd, a->st.st_size) < 0)",
        "    if (regular && a->fd < 0)",
        "t42_the_disk and full",
    ),
    "rights-are-not-checked": ("deliver/rights.c", 'fatal("%s", why.text);', "(void)why;", "t12_an_agent"),
    "an-error-is-not-found": (
        "table/maps.c",
        "        if (result == TABLE_ERROR)\n            return TABLE_ERROR;",
        "        if (result == TABLE_ERROR)\n            continue;",
        "t36_a_table_that_fails",
    ),
    "no-end-needed": (
        "queue/envelope.c",
        'return fail_set(why, "file ends before the message does");',
        "return *ret = (struct record){.type = RECORD_END}, 0;",
        "t18_damaged_queue_files and incoming",
    ),
}


def run(words, **options):
    return subprocess.run(words, capture_output=True, text=True, errors="replace", check=False, **options)


def copy_tree(folder):
    """The sources, and the objects with their times, so that little is compiled."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "build").mkdir(parents=True)
    names = run(["git", "ls-files"], cwd=TOP).stdout.split()
    run(["cp", "-a", "--parents", *names, folder], cwd=TOP)
    for name in ("base", "gen"):
        run(["cp", "-a", TOP / "build" / name, folder / "build"])
    for name in ("oracle", "test-tools"):
        if (TOP / "build" / name).exists():
            (folder / "build" / name).symlink_to(TOP / "build" / name)


def mutate(folder, file, before, after):
    path = folder / "src" / file
    text = path.read_text(encoding="utf-8")
    if text.count(before) != 1:
        raise SystemExit(f"src/{file}: {text.count(before)} times, not once: {before}")
    path.write_text(text.replace(before, after), encoding="utf-8")


def verdict(name, folder):
    """True when the test fails, as it must, for what was taken out."""
    file, before, after, test = MUTANTS[name]
    copy_tree(folder)
    mutate(folder, file, before, after)
    built = run(["make", "DEPS=true", "system-root"], cwd=folder)
    if built.returncode != 0:
        print(f"NOT BUILT {name}\n{built.stderr}")
        return False
    done = run(["make", "DEPS=true", "faults", f"T=-k '{test}' -x", f"SEED={os.environ.get('SEED', '1')}"], cwd=folder)
    count = re.search(r"^(\d+) passed, (\d+) failed$", done.stdout, re.M)
    caught = bool(count and int(count.group(2)) > 0)
    why = re.findall(r"^E +(\w*(?:Error|Failed).*)$", done.stdout, re.M)
    print(f"{'caught' if caught else 'ALIVE '} {name}: {test}" + (f"\n        {why[0][:150]}" if why else ""), flush=True)
    return caught


def main():
    wanted = sys.argv[1:] or list(MUTANTS)
    PLACE.mkdir(parents=True, exist_ok=True)
    folder = PLACE / "tree"
    results = [verdict(name, folder) for name in wanted]
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    raise SystemExit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
