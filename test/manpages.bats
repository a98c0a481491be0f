#!/usr/bin/env bats
# Runs on: once
#
# The manual pages and --help tell of the same options, with the same letters and values. Both are
# brought into one form here: "-d DIR, --root=DIR".

load lib

# in_help PROGRAM
in_help() {
    "$BIN/$1" --help | sed -nE \
        -e 's/^  (-., |    )(--[a-z-]+([ =][^ ]+)?)(  .*)?$/\1\2/' -e T -e 's/^ +//' \
        -e 's/(--[a-z-]+) /\1=/' -e 's/^(-.), ([^=]+)=(.*)$/\1 \3, \2=\3/' -e p | sort
}

# in_page PAGE
in_page() {
    awk 'sub(/^\.It Fl/, "Fl") {
        if (sub(/Op /, "Oo "))
            $0 = $0 " Oc"
        gsub(/Oo /, "[ Ns ")
        gsub(/ Oc/, " Ns ]")
        gsub(/ Ns /, "")
        gsub(/ ,/, ",")
        gsub(/Fl /, "-")
        gsub(/Cm /, "")
        while (match($0, /Ar [a-z]+/))
            $0 = substr($0, 1, RSTART - 1) toupper(substr($0, RSTART + 3, RLENGTH - 3)) \
                substr($0, RSTART + RLENGTH)
        print
    }' "$PROJECT/docs/$1" | sort
}

# agree PROGRAM PAGE OPTION: that there is such an OPTION says that they are found at all
agree() {
    assert_contains "$(in_help "$1")" "$3"
    assert_eq "$(in_help "$1")" "$(in_page "$2")" "what $1 --help has, and not $2,"
}

@test "ferryd.8 has every option of --help, and no other" {
    agree ferryd ferryd.8 '-u NAME[:GROUP], --user=NAME[:GROUP]'
    agree ferryd-threads ferryd.8 '--sync=full|none'
}

@test "ferry.1 has every option of --help, and no other" {
    agree ferry ferry.1 '-o FILE, --output=FILE'
}

@test "ferrytop.1 has every option of --help, and no other" {
    agree ferrytop ferrytop.1 '--once'
}
