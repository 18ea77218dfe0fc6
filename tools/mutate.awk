# SPDX-License-Identifier: MIT
# Prints the second file as the first one, a mutant of tests/cluster/mutants/, changes it: lines that
# begin with `-`, which must stand there once as a whole, become those behind them that begin with `+`.
# Prints what it can't do to standard error, as MUTANT:LINE: TEXT.
function complain(text)
{
        print mutant ":" at[count] ": " text >"/dev/stderr"
        exit failed = 1
}
function replace(old, new,    place, rest)
{
        if (!(place = index(text, "\n" old)))
                complain("this does not stand in " source)
        rest = substr(text, place + length(old))
        if (index(rest, "\n" old))
                complain("this stands more than once in " source)
        text = substr(text, 1, place) new substr(rest, 2)
}
FNR == NR {
        mutant = FILENAME
        mark = /^[-+]/ ? substr($0, 1, 1) : ""
        if (mark == "-" && before != "-")
                at[++blocks] = FNR
        if (mark == "-")
                old[blocks] = old[blocks] substr($0, 2) "\n"
        if (mark == "+")
                new[blocks] = new[blocks] substr($0, 2) "\n"
        before = mark
        next
}
FNR == 1 { source = FILENAME }
{ text = text "\n" $0 }
END {
        if (failed)
                exit 1
        text = text "\n"
        if (!blocks)
                complain("changes nothing")
        for (count = 1; count <= blocks; count++)
                replace(old[count], new[count])
        printf "%s", substr(text, 2)
}
