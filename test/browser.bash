# browser.bash - shared by the tests of the page in the browser: a browser without a window.
#
# Used by: .bats files, with `load browser` after `load lib` and `load http`.
# Needs:   chromium, chromedriver and python3; without them needs_browser skips.
# Returns: as lib.bash's helpers.
#
# The tests of a file share one browser, since its start takes seconds.
# shellcheck shell=bash

BROWSER=${BATS_FILE_TMPDIR:-$BATS_TEST_TMPDIR}/browser # what is the browser's

# For the tests that look at the page: its rows, in the order in which they are shown; what is said
# at its foot; how the uploads stand.
# shellcheck disable=SC2034 # for the caller
NAMES='[...document.querySelectorAll("tbody tr:not([hidden]) bdi")].map((b) => b.textContent).join(" ")'
# shellcheck disable=SC2034
SAID='document.getElementById("said").textContent.replace(/[\u2068\u2069]/g, "")'
# shellcheck disable=SC2034
WRONG='document.querySelector("#wrong p").textContent.replace(/[\u2068\u2069]/g, "")'
# shellcheck disable=SC2034
STATES='[...document.querySelectorAll("#uploads li")].map((item) => item.dataset.state).sort().join(" ")'

has_browser() {
    command -v chromium >/dev/null && command -v chromedriver >/dev/null &&
        python3 -c 'import http.client, json' 2>/dev/null
}

needs_browser() {
    has_browser || skip "needs chromium, chromedriver and python3"
    [ -e "$BROWSER/session.json" ] ||
        fail "the browser did not start" "$(cat "$BROWSER/driver.log")"
}

# start_browser: in setup_file
start_browser() {
    ! has_browser || _browser_py start "$BROWSER" 3>&- 4>&-
}

# stop_browser: in teardown_file
stop_browser() {
    [ ! -e "$BROWSER/session.json" ] || _browser_py stop "$BROWSER"
}

# browser STEP...: as peers/browser.py knows them
browser() {
    _browser_py "$BROWSER" "$@"
}

_browser_py() {
    python3 "$PROJECT/test/peers/browser.py" "$@"
}

# open_page PATH [STEP...]: a directory below the root, when its script has done what it does at the beginning
open_page() {
    browser go "$URL/$1" until '!document.getElementById("tools").hidden' "${@:2}"
}

# assert_console_is_silent [REGEX]: since the last look the page had nothing to complain of, but
# for answers that a test has asked for
assert_console_is_silent() {
    local said
    said=$(browser log | grep -vE -- "${1:-^\$}") || return 0
    fail "the browser's console:" "$said"
}
