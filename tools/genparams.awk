# Make C and documents from the parameter catalogue, src/conf/params/*.params.
#
#   awk -f tools/genparams.awk -v want=struct|table|man|sample|list [-v ...] FILES
#
# A record is a line "name type default" at the left margin, attribute lines
# indented by four blanks, an empty line, and text for the reader, indented
# likewise; the next line at the margin starts the next record. The attributes
# and types are explained in src/conf/README.md.
#
# struct: the members of struct conf
# table:  the rows for conf/params.c; -v built="name=value ..." has other defaults
# man:    the list of parameters for a manual page, whole; with -v prog=NAME only
#         those that this program uses, one sentence each
# sample: main.cf from the file named by -v template=; its lines
#             @name@              become the text of the parameter as a comment, and
#                                 its default, commented out
#             @name = value@      the same with that setting in force
#             @#name = value@     the same with that setting commented out
# list:   one line a record, for other tools: name, place, flags, used, whether it
#         has text, default; separated by tabs

function die(words)
{
    printf "%s:%d: %s\n", FILENAME, FNR, words > "/dev/stderr"
    failed = 1
    exit 1
}

# --- reading ---------------------------------------------------------------

# "{smtp,lmtp}_x" stands for one record a word; all else stands for itself.
function begin_records(head, type, value,    words, n, i, name)
{
    from = count + 1
    group = ""
    if (match(head, /\{[a-z,]*\}/)) {
        group = substr(head, RSTART, RLENGTH)
        n = split(substr(group, 2, length(group) - 2), words, ",")
        for (i = 1; i <= n; i++)
            begin_record(replaced(head, group, words[i]), type, value, words[i])
    } else
        begin_record(head, type, value, "")
}

function begin_record(name, type, value, word)
{
    if (name in by_name)
        die(name " is declared twice, also at " place[by_name[name]])
    if (!(type in c_type))
        die(name ": unknown type \"" type "\"")
    count++
    names[count] = name
    by_name[name] = count
    types[count] = type
    words_of[count] = word
    defaults[count] = value == "(empty)" ? "" : replaced(value, group, word)
    place[count] = base(FILENAME) ":" FNR
    chapter[count] = base(FILENAME)
}

# Each record of the group gets the attribute, with its own word in the text.
function attribute(key, value,    i, own)
{
    for (i = from; i <= count; i++) {
        own = replaced(value, group, words_of[i])
        if (key == "default")
            defaults[i] = defaults[i] == "" ? own : defaults[i] " " own
        else if (key == "min" || key == "max" || key == "unit" || key == "used" || key == "values" || key == "obsolete")
            attributes[i, key] = own
        else if (index(" raw computed readonly removed not-built ", " " key " "))
            attributes[i, key] = 1
        else
            die("unknown attribute \"" key "\"")
    }
}

function add_text(line,    i)
{
    for (i = from; i <= count; i++)
        texts[i] = texts[i] replaced(line, group, words_of[i]) "\n"
}

function replaced(text, old, new,    out, at)
{
    if (old == "")
        return text
    out = ""
    while ((at = index(text, old)) > 0) {
        out = out substr(text, 1, at - 1) new
        text = substr(text, at + length(old))
    }
    return out text
}

function base(path)
{
    sub(/.*\//, "", path)
    return path
}

function rest(line, fields)
{
    while (fields-- > 0)
        sub(/^[ \t]*[^ \t]+[ \t]*/, "", line)
    return line
}

BEGIN {
    c_type["bool"] = "bool"
    c_type["int"] = c_type["time"] = c_type["code"] = "int"
    c_type["size"] = "long long"
    n_types = split("text enum options table tables matchlist restrictions path paths" \
                    " transport nexthop domain address service", other, " ")
    for (i = 1; i <= n_types; i++)
        c_type[other[i]] = "const char *"
    seconds["s"] = 1
    seconds["m"] = 60
    seconds["h"] = 3600
    seconds["d"] = 86400
    seconds["w"] = 604800
}

/^#/ { next }
/^[^ \t]/ { begin_records($1, $2, rest($0, 2)); in_text = 0; next }
/^[ \t]*$/ { if (in_text) blank = 1; in_text = 1; next }
!in_text { attribute($1, rest($0, 1)); next }
{
    sub(/^    /, "")
    if (blank && texts[count] != "")
        add_text("")
    blank = 0
    add_text($0)
}

# --- writing C ---------------------------------------------------------------

# The C member of a name, which may start with a digit.
function member(name) { return (name ~ /^[0-9]/ ? "n" : "") name }

function is_family(i) { return names[i] ~ /^</ }

# Removed names are known for their text only.
function in_struct(i) { return !is_family(i) && !((i, "removed") in attributes) }

function quoted(text)
{
    gsub(/["\\]/, "\\\\&", text)
    return "\"" text "\\0\""
}

# Indices in the order of names, as C's strcmp has it (shell sort).
function sort_names(    i, j, gap, t)
{
    for (i = 1; i <= count; i++)
        order[i] = i
    for (gap = int(count / 2); gap > 0; gap = int(gap / 2))
        for (i = gap + 1; i <= count; i++) {
            t = order[i]
            for (j = i; j > gap && names[order[j - gap]] > names[t]; j -= gap)
                order[j] = order[j - gap]
            order[j] = t
        }
}

function write_struct(    i, n)
{
    print "/* Made from src/conf/params/ by tools/genparams.awk; do not edit. */"
    print "#ifndef CONF_PARAMS_GEN_H\n#define CONF_PARAMS_GEN_H\n"
    print "#include <stdbool.h>\n"
    print "struct conf {\n    struct conf_state *state; /* of load.c */"
    for (i = 1; i <= count; i++)
        if (in_struct(i))
            printf "    %s%s%s; /* %s */\n", c_type[types[i]],
                   c_type[types[i]] ~ /\*$/ ? "" : " ", member(names[i]), place[i]
    print "};\n\n#endif"
}

# A time or number of an attribute, as an integer.
function number(text,    unit)
{
    unit = substr(text, length(text))
    if (unit in seconds)
        return substr(text, 1, length(text) - 1) * seconds[unit]
    return text + 0
}

# A default of digits, or yes or no, as load.c stores it; 0 for others.
function default_number(i,    text, total, part)
{
    text = defaults[i]
    if (types[i] == "bool")
        return text == "yes"
    if (c_type[types[i]] ~ /\*$/ || has_macros(i))
        return 0
    if (types[i] != "time")
        return text
    for (total = 0; match(text, /^[0-9]+[smhdw]?/); text = substr(text, RLENGTH + 1)) {
        part = substr(text, 1, RLENGTH)
        total += number(part ~ /[0-9]$/ ? part time_unit(i) : part)
    }
    return total
}

function has_macros(i) { return index(defaults[i], "$") > 0 }

# A bare number has the unit that the default is written with.
function time_unit(i,    last)
{
    if (types[i] != "time")
        return "\\0"
    if ((i, "unit") in attributes)
        return attributes[i, "unit"]
    last = substr(defaults[i], length(defaults[i]))
    return defaults[i] ~ /[0-9}][smhdw]$/ ? last : "s"
}

function mask(i,    n, words, j, out)
{
    n = split(attributes[i, "used"], words, " ")
    out = ""
    for (j = 1; j <= n; j++) {
        if (words[j] == "all")
            return "PARAM_ALL"
        if (!(words[j] in program_bit)) {
            program_bit[words[j]] = n_programs++
            program_list[program_bit[words[j]]] = words[j]
        }
        out = out (out == "" ? "" : "|") "PARAM_PROGRAM(" program_bit[words[j]] ")"
    }
    return out == "" ? "0" : out
}

function flags(i,    n, words, j, out)
{
    out = is_family(i) ? "PARAM_FAMILY" : ""
    n = split("raw computed readonly obsolete removed not-built", words, " ")
    for (j = 1; j <= n; j++)
        if ((i, words[j]) in attributes) {
            sub(/-/, "_", words[j])
            out = out (out == "" ? "" : "|") "PARAM_" toupper(words[j])
        }
    if (has_macros(i))
        out = out (out == "" ? "" : "|") "PARAM_MACROS"
    return out == "" ? "0" : out
}

# "name=value ..." of -v built: defaults that this build decides.
function take_built(    n, words, i, name)
{
    n = split(built, words, " ")
    for (i = 1; i <= n; i++) {
        name = substr(words[i], 1, index(words[i], "=") - 1)
        defaults[by_name[name]] = substr(words[i], length(name) + 2)
    }
}

function write_table(    i, j, at, min, max)
{
    take_built()
    sort_names()
    print "/* Made from src/conf/params/ by tools/genparams.awk; do not edit. */"
    print "static const struct param_row param_rows[] = {"
    at = 0
    for (j = 1; j <= count; j++) {
        i = order[j]
        min = (i, "min") in attributes ? number(attributes[i, "min"]) : 0
        max = (i, "max") in attributes ? number(attributes[i, "max"]) : 0
        printf "    {%d, %d, %s, %d, %d, %d, PARAM_%s, '%s', %s, %s},\n", at,
               at + length(names[i]) + 1,
               in_struct(i) ? "offsetof(struct conf, " member(names[i]) ")" : 0, min, max,
               default_number(i),
               toupper(types[i]), time_unit(i), flags(i), mask(i)
        at += length(names[i]) + length(defaults[i]) + 2
    }
    print "};\n\nstatic const char param_texts[] ="
    for (j = 1; j <= count; j++)
        print "    " quoted(names[order[j]]) " " quoted(defaults[order[j]])
    print "    ;\n\nstatic const char param_instead[] ="
    for (j = 1; j <= count; j++)
        if ((order[j], "obsolete") in attributes)
            print "    " quoted(names[order[j]]) " " quoted(attributes[order[j], "obsolete"])
    print "    ;\n\nstatic const char param_programs[] ="
    for (j = 0; j < n_programs; j++)
        print "    " quoted(program_list[j])
    print "    ;"
}

# --- writing for readers ---------------------------------------------------------

# Text as mdoc wants it.
function escaped(text)
{
    sub(/ +$/, "", text)
    gsub(/\\/, "\\e", text)
    sub(/^[.']/, "\\\\\\&&", text)
    return text
}

function shown_default(i,    text)
{
    if ((i, "computed") in attributes)
        return "computed"
    text = defaults[i] == "" ? "empty" : escaped(defaults[i])
    gsub(/"/, "\"\"", text)
    gsub(/-/, "\\-", text)
    return text
}

# The first sentence, or what there is until a paragraph ends.
function first_sentence(text)
{
    sub(/\n\n.*/, "", text)
    if (match(text, /[.][ \n]+[A-Z]/))
        text = substr(text, 1, RSTART)
    sub(/\n$/, "", text)
    return text
}

# A paragraph, each sentence on a line of its own as mdoc wants it.
function write_prose(text)
{
    while (match(text, /[.?!]["')]? +[^a-z ]/)) {
        print escaped(substr(text, 1, RSTART + RLENGTH - 2))
        text = substr(text, RSTART + RLENGTH - 1)
    }
    print escaped(text)
}

# The text of a record: paragraphs, and literal blocks that are indented further.
function write_paragraphs(text,    lines, n, i, prose, literal, any)
{
    n = split(text, lines, "\n")
    while (n > 0 && lines[n] == "")
        n--
    for (i = 1; i <= n + 1; i++) {
        literal = i <= n && lines[i] ~ /^ /
        if (prose != "" && (i > n || literal || lines[i] == "")) {
            if (any++)
                print ".Pp"
            write_prose(prose)
            prose = ""
        }
        if (literal) {
            print ".Bd -literal -offset indent -compact"
            for (; lines[i] ~ /^ /; i++)
                print escaped(substr(lines[i], 5))
            print ".Ed"
            i--
        } else if (i <= n && lines[i] != "")
            prose = prose (prose == "" ? "" : " ") lines[i]
    }
}

function is_used_by(i, prog)
{
    return index(" " attributes[i, "used"] " ", " " prog " ") > 0
}

function write_manual(    i, j, any)
{
    sort_names()
    for (j = 1; j <= count; j++) {
        i = order[j]
        if (prog != "" && !is_used_by(i, prog) || (i, "removed") in attributes ||
            texts[i] == "")
            continue
        if (!any++)
            print ".Bl -tag -width indent"
        printf ".It Va %s Pq \"\\&%s\"\n", names[i], shown_default(i)
        write_paragraphs(prog == "" ? texts[i] : first_sentence(texts[i]))
        if (prog == "" && (i, "not-built") in attributes)
            print ".Pp\nAccepted, but without effect in this version."
        if (prog == "" && (i, "obsolete") in attributes)
            print ".Pp\nObsolete" (attributes[i, "obsolete"] == "" ? "" : "; use\n.Va " \
                  attributes[i, "obsolete"] "\n") "."
    }
    if (any)
        print ".El"
    if (prog != "")
        print ".Pp\n" (any ? "Parameters that all programs use, and the full texts" : "Parameters") \
              ", are in\n.Xr postconf 5 ."
}

# "@name@", "@name = value@" or "@#name = value@"
function write_sample_line(line,    i, name, text, setting)
{
    setting = substr(line, 2, length(line) - 2)
    name = setting
    sub(/^#/, "", name)
    sub(/ .*/, "", name)
    if (!(name in by_name)) {
        print template ": " name ": no such parameter" > "/dev/stderr"
        failed = 1
        exit 1
    }
    i = by_name[name]
    text = texts[i]
    sub(/\n\n.*/, "", text)
    sub(/\n$/, "", text)
    gsub(/\n/, "\n# ", text)
    print "# " text
    if ((i, "not-built") in attributes)
        print "# Accepted, but without effect in this version."
    print setting == name ? "#" name " =" (defaults[i] == "" ? "" : " " defaults[i]) : setting
}

function write_sample(    line)
{
    while ((getline line < template) > 0)
        if (line ~ /^@.*@$/)
            write_sample_line(line)
        else
            print line
}

function write_list(    i, flag, j, n, words)
{
    n = split("raw computed readonly obsolete removed not-built", words, " ")
    for (i = 1; i <= count; i++) {
        flag = ""
        for (j = 1; j <= n; j++)
            if ((i, words[j]) in attributes)
                flag = flag " " words[j]
        print names[i] "\t" place[i] "\t" flag " \t " attributes[i, "used"] " \t" \
              (texts[i] == "" ? "" : "text") "\t" defaults[i]
    }
}

END {
    if (failed)
        exit 1
    if (want == "struct")
        write_struct()
    else if (want == "table")
        write_table()
    else if (want == "man")
        write_manual()
    else if (want == "sample")
        write_sample()
    else if (want == "list")
        write_list()
    else {
        print "genparams.awk: -v want=struct|table|man|sample|list" > "/dev/stderr"
        exit 1
    }
}
