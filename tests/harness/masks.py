"""What may differ between two runs of the same input, replaced by words.

mask() is for log lines, replies, command output and messages alike. It hides
queue ids, times, delays, process ids, ports of clients and temporary names;
everything else, to the last blank, must be equal.
"""

import re

LONG_ID = r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+"
QUEUE_ID = rf"(?:[0-9A-F]{{8,}}|{LONG_ID})"
DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

RULES = [
    # 20261120130212.1E240F1206@host: an own Message-Id
    (rf"<\d{{14}}\.{QUEUE_ID}@", "<STAMP.ID@"),
    (rf"<{LONG_ID}@", "<ID@"),
    # boundary: ID.EPOCH/host
    (rf"\b{QUEUE_ID}\.\d{{10,16}}/", "ID.EPOCH/"),
    # dates: RFC 5322, asctime, syslog
    (rf"{DAY}, [ \d]\d {MONTH} \d{{4}} \d\d:\d\d:\d\d [-+]\d{{4}}(?: \([A-Z]+\))?", "DATE"),
    (rf"{DAY} {MONTH} [ \d]\d \d\d:\d\d:\d\d(?: \d{{4}})?", "CTIME"),
    (rf"\b{MONTH} [ \d]\d \d\d:\d\d:\d\d\b", "SYSTIME"),
    (r"\bdelay=[\d.]+", "delay=D"),
    (r"\bdelays=[\d.]+/[\d.]+/[\d.]+/[\d.]+", "delays=D"),
    (r"(?m)^((?:postfix\S*/)?[\w./-]+)\[\d+\]: ", r"\1[PID]: "),
    (r"\bpid \d+\b", "pid PID"),
    (r"\bPID: \d+\b", "PID: PID"),
    (rf"\bqueued as {QUEUE_ID}", "queued as ID"),
    (rf"\b{QUEUE_ID}(?=[:*!# ;,\n)@]|$)", "ID"),
    (r"(/(?:incoming|active|deferred|hold|corrupt|maildrop)/)[^ ]+ \*\*\*", r"\1ID ***"),
    (r"\b1[5-9]\d{8}\b", "EPOCH"),
]
COMPILED = [(re.compile(pattern, re.M), word) for pattern, word in RULES]


def mask(text, *names):
    """Mask a text, or each text of a list; names are (word, replacement) pairs
    of the instance at hand (its host name, its address), replaced first."""
    if not isinstance(text, str):
        return [mask(line, *names) for line in text]
    for word, replacement in names:
        text = text.replace(word, replacement)
    for pattern, word in COMPILED:
        text = pattern.sub(word, text)
    return text
