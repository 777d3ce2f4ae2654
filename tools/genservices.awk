# Makes from src/master/services.cat (its form is told there):
#   want=sample    conf/master.cf
#   want=man       the list of services for man/master.5
#   want=programs  the names of all daemons, for installation

function fail(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
    failed = 1
    exit 1
}

function heading() {
    print "# master.cf: the services of the mail system, and how their programs are run."
    print "# See master(5). Each line is one service; a line that starts with white space"
    print "# goes on with the one before. \"-\" means the default, given in brackets. After"
    print "# a change, run \"postfix reload\"."
    print "#"
    print "# Made from src/master/services.cat. Lines commented out are examples, or need"
    print "# programs that do not exist yet."
    print "#"
    print "# service       type       private unpriv  chroot  wakeup  maxproc command and arguments"
    print "#                          (yes)   (yes)   (no)    (never) (100)"
}

function sample(   mark, i, n, lines) {
    n = split(text, lines, "\n")
    print ""
    for (i = 1; i <= n; i++)
        print "# " lines[i]
    mark = (is_sample || not_built) ? "#" : ""
    printf "%-16s%-11s%-8s%-8s%-8s%-8s%-8s%s\n", mark name, type, field["private"],
        field["unprivileged"], field["chroot"], field["wakeup"], field["limit"], command
    for (i = 1; i <= args; i++)
        printf "%s\n", (mark "    " arg[i])
}

function manual() {
    if (is_sample)
        return
    gsub(/\. /, ".\n", text) # mdoc: a sentence, a line
    printf ".It Cm %s Pq %s, Xr %s 8\n%s\n", name, type, command, text
    if (not_built)
        print "Not built yet."
}

function finish() {
    if (name == "")
        return
    if (text == "" || kind == "")
        fail("record " name " lacks text or kind")
    if (want == "sample")
        sample()
    else if (want == "man")
        manual()
    else if (!(command in seen)) {
        seen[command] = 1
        print command
    }
}

function begin() {
    if (NF != 3)
        fail("expected: name type command")
    name = $1; type = $2; command = $3
    field["private"] = field["unprivileged"] = field["wakeup"] = field["limit"] = "-"
    field["chroot"] = "n"
    text = kind = ""; args = is_sample = not_built = in_text = 0
}

function attribute() {
    if ($1 == "args") {
        sub(/^ *args +/, "")
        arg[++args] = $0
    } else if ($1 == "kind")
        kind = $2
    else if ($1 == "sample")
        is_sample = 1
    else if ($1 == "not-built")
        not_built = 1
    else if (($1 in field) && NF == 2)
        field[$1] = $2
    else
        fail("unknown attribute " $1)
}

BEGIN {
    if (want == "sample")
        heading()
}
/^#/ { next }
/^$/ { if (name != "") in_text = 1; next }
/^[^ ]/ { finish(); begin(); next }
in_text { sub(/^ +/, ""); text = text == "" ? $0 : text "\n" $0; next }
{ attribute() }
END { if (!failed) finish() }
