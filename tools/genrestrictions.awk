# Makes the rows of smtpd's dispatch table from src/smtpd/restrictions.cat, or
# (want=man) the list for its manual page.

BEGIN {
    bits["client"] = 0; bits["helo"] = 1; bits["sender"] = 2; bits["relay"] = 3
    bits["recipient"] = 4; bits["data"] = 5; bits["end_of_data"] = 6
    bits["local_rewrite"] = 7; bits["etrn"] = 8
    kind["none"] = "NO_ARGUMENT"; kind["time"] = "TIME_ARGUMENT"
    kind["table"] = "TABLE_ARGUMENT"
    kind["blocklist"] = "BLOCKLIST_ARGUMENT"
    kind["policy"] = "POLICY_ARGUMENT"
    kind["hosts"] = "HOSTS_ARGUMENT"
    kind["restriction"] = "RESTRICTION_ARGUMENT"
    if (want != "man")
        print "/* Made from src/smtpd/restrictions.cat by tools/genrestrictions.awk. */"
}

function fail(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
    failed = 1
    exit 1
}

function flush_record(   i, n, words) {
    if (name == "")
        return
    if (stages == "" || argument == "" || text == "")
        fail("record " name " lacks stages, argument or text")
    if (want == "man") {
        printf ".It Cm %s\n%s\n", name, text
    } else {
        printf "RESTRICTION(%s, %s, %s)\n", name, kind[argument], stages
        n = split(old, words, " ")
        if (n)
            print "#ifdef RESTRICTION_ALIAS"
        for (i = 1; i <= n; i++)
            printf "RESTRICTION_ALIAS(%s, %s, %s, %s)\n", words[i], name, kind[argument], stages
        if (n)
            print "#endif"
    }
    name = stages = argument = text = old = ""
}

function stage_set(   i, set) {
    set = "0"
    for (i = 2; i <= NF; i++) {
        if ($i != "all" && !($i in bits))
            fail("unknown stage " $i)
        set = set ($i == "all" ? " | 0x17f" : " | 1 << " bits[$i])
    }
    return set
}

/^#/ || /^$/ { next }
/^[a-z]/ { flush_record(); name = $1; next }
$1 == "stages" { stages = stage_set(); next }
$1 == "argument" { if (!($2 in kind)) fail("unknown kind " $2); argument = $2; next }
$1 == "old" { sub(/^ *old +/, ""); old = $0; next }
{ sub(/^ +/, ""); text = text (text == "" ? "" : "\n") $0 }
END { if (!failed) flush_record() }
