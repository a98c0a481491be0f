#!/usr/bin/env bats
# Runs on: once
#
# Which version of a file a request speaks of, and which part of it, is read as RFC 9110 has it: the
# module without a server around it, whose tables are in test/probes/http_versions.c.

load lib

# versions PART CASES: that part of the tables goes well, and has so many cases at least
versions() {
    run "$BIN/test/http_versions" "$1"
    assert_eq "$status" 0 "$output"
    [ "${lines[-1]% cases}" -ge "$2" ] || fail "few cases: $output"
}

@test "a date is written in one form, whatever the year and the locale, and read in all three" {
    LC_ALL=de_DE.UTF-8 versions dates 800000
}

@test "a tag is another one when the device, the inode, the size or the time differs by one" {
    versions tags 20
}

@test "conditions are judged in the RFC's order, strongly or weakly, each for its methods" {
    versions conditions 90
}

@test "a range is one part of the file, none of it, or no reason to send less than the whole" {
    versions ranges 75
}
