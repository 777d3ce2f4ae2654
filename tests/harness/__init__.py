"""What the system and compat tests stand on: private machines in namespaces.

Reading order: sandbox.py (a private machine), init.py (its first process),
instance.py (a mail system on it), maillog.py (its log), trace.py (system calls that fail), dns.py (names for
all), masks.py (what may differ between two runs), roots.py (which programs).
"""
