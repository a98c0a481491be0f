#!/usr/bin/env bats
# Runs on: once
#
# The queue without a server: it has an index, so that nobody is looked at who is passed over for
# --per-source. (What clients see of it: queue_order.bats and admission.bats.)

load lib

@test "who is next is whom a search from the beginning of the line would find" {
    run "$BIN/test/queue_model" same 4000
    assert_eq "$status $output" "0 the same"
}

@test "ten thousand who are passed over are not looked at while others come, are served and go" {
    run "$BIN/test/queue_model" untouched
    assert_eq "$status $output" "0 untouched"
}
