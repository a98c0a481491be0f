#!/usr/bin/env bats
# Runs on: once
#
# The page that a browser shows for a directory: what it lists, how it is sorted, filtered, and read
# without scripts; uploads, deletions, new folders, and what is said when they fail; that it can be
# used with the keyboard, on a phone, and by those who listen to it; and that no other script runs.

# Tests are subshells, and lib.bash reads what they set:
# shellcheck disable=SC2030,SC2031,SC2034

load lib
load http
load browser

setup_file() {
    TZ=Asia/Kolkata start_browser
}

teardown_file() {
    stop_browser
}

setup() {
    mkdir -p "$ROOT"
    FILES=$BATS_TEST_TMPDIR/files
    mkdir -p "$FILES"
}

teardown() {
    # The next test's page is another server's, but the browser is the same.
    [ ! -e "$BROWSER/session.json" ] ||
        browser go about:blank network 0 scripts on size 1280 800 log >/dev/null || true
    clean_up
}

# ended COUNT: uploads have come to an end, one way or the other
ended() {
    echo "/^((done|failed) ?){$1}\$/.test($STATES)"
}

# ---- without a browser ----

@test "the hashes in the policy are those of the script and of the style, and a change of either is found" {
    local copy=$BATS_TEST_TMPDIR/copy hashes=$PROJECT/scripts/page-hashes
    "$hashes" --check
    mkdir "$copy"
    cp "$PROJECT"/src/session/http/page.{html,c} "$copy"
    "$hashes" --check "$copy"
    for line in "'use strict';" ":root {"; do
        sed -i "s|^$line\$|& |" "$copy/page.html"
        run "$hashes" --check "$copy"
        assert_eq "$status" 1 "exit status after a change of: $line"
        "$hashes" "$copy"
        "$hashes" --check "$copy"
    done
    refute cmp -s "$copy/page.c" "$PROJECT/src/session/http/page.c"
    run "$hashes" --wrong
    assert_eq "$status" 2 "exit status"
    run "$hashes" --check "$BATS_TEST_TMPDIR/nowhere"
    assert_eq "$status" 1 "exit status"
    assert_contains "$("$hashes" --help)" "page-hashes [--check] [FOLDER]"
}

@test "the page comes in one piece, with its policy, and names nothing from elsewhere" {
    local policy page
    start_http
    request GET /
    assert_status 200
    policy=${FIELD[content-security-policy]}
    for rule in "default-src 'none'" "connect-src 'self'" "base-uri 'none'" "form-action 'none'" \
        "frame-ancestors 'none'"; do
        assert_contains "$policy" "$rule"
    done
    [[ $policy != *unsafe* && $policy != *http* && $policy != *\** ]] || fail "$policy"
    page=$(<"$BODY")
    [[ $page != *'<!--TITLE-->'* && $page != *'<!--HEAD-->'* && $page != *'<!--ROWS-->'* ]]
    assert_contains "$page" "<title>/</title>"
    assert_contains "$page" '<tbody></tbody>'
    assert_contains "$page" '</html>'
    refute grep -nE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(' "$BODY"
    refute grep -nE 'src=|@import|//' <(sed "s|http://www.w3.org/2000/svg||g; s|// .*||" "$BODY")
}

# ---- what is listed ----

@test "a directory is listed: names, sizes, dates in the reader's time, the way back, and nothing else happens" {
    needs_browser
    local evil="<img src=x onerror=\"document.title='evil'\">'&.txt" rtl='תמונה 1.jpg'
    mkdir -p "$ROOT/a b/sub/deeper"
    printf hello >"$ROOT/a b/sub/$evil"
    head -c 1300000 /dev/zero >"$ROOT/a b/sub/$rtl"
    : >"$ROOT/a b/sub/"$'\xff\x01.bin'
    touch -d 2020-01-02T20:30:00Z "$ROOT/a b/sub/"*
    start_http
    open_page 'a%20b/sub/' \
        is document.title "/a b/sub/" \
        is "$NAMES" "deeper $evil $rtl �␁.bin" \
        is '[...document.querySelectorAll("td.size")].map((c) => c.textContent).join()' ",5 B,1.2 MiB,0 B"
    # It is the third already where the reader is.
    browser is 'document.querySelector(".file time").textContent' "Jan 3, 2020" \
        is 'document.querySelector(".file time").dateTime' 2020-01-02T20:30:00Z \
        is 'document.getElementById("count").textContent' "1 folder, 3 files, 1.2 MiB" \
        is 'document.querySelector("h1, [role=heading]").textContent' sub
    # The bytes of a name that cannot be shown are in its link.
    browser is '
        const link = [...document.links].find((a) => a.textContent.includes(".bin"));
        return fetch(link.href).then((answer) => answer.status)' 200 \
        is 'return performance.getEntriesByType("resource").map((entry) => entry.name)
            .filter((name) => !name.startsWith(location.origin) && !name.startsWith("data:")).join()' ''
    assert_console_is_silent
    browser click '#trail a:nth-child(2)' until "location.pathname === '/a%20b/'" \
        click 'tbody a' until "location.pathname === '/a%20b/sub/'" \
        click '#trail a' until "location.pathname === '/'" \
        is 'document.querySelector("[role=heading]").textContent === location.host' true
}

@test "any column sorts, either way, folders first, and the next folder is sorted alike" {
    needs_browser
    mkdir "$ROOT/sub" "$ROOT/Dir"
    head -c 300 /dev/zero >"$ROOT/img10"
    head -c 200 /dev/zero >"$ROOT/img9"
    head -c 100 /dev/zero >"$ROOT/Über"
    touch -d 2020-01-03 "$ROOT/img9"
    touch -d 2020-01-02 "$ROOT/img10"
    touch -d 2020-01-01 "$ROOT/Über"
    touch -d 2019-01-01 "$ROOT/Dir"
    start_http
    open_page '' is "$NAMES" "Dir sub img9 img10 Über" \
        is 'document.querySelector("[aria-sort=ascending] button").textContent' Name \
        click 'th.name button' \
        is "$NAMES" "sub Dir Über img10 img9" \
        is 'document.querySelector("[aria-sort=descending] button").textContent' Name \
        click 'th.size button' \
        is "$NAMES" "sub Dir img10 img9 Über" \
        click 'th.size button' \
        is "$NAMES" "Dir sub Über img9 img10" \
        click 'th.date button' \
        is "$NAMES" "sub Dir img9 img10 Über" \
        click 'th.date button' \
        is "$NAMES" "Dir sub Über img10 img9" \
        is 'document.querySelectorAll("[aria-sort]").length' 1 \
        click 'a[href="sub/"]' until 'location.pathname === "/sub/"' \
        is 'document.querySelector("[aria-sort=ascending] button").textContent' Modified
    assert_console_is_silent
    browser js 'sessionStorage.clear()'
}

@test "the filter finds the words of a name in any case, with accents or without, and counts" {
    needs_browser
    mkdir "$ROOT/Summer"
    touch "$ROOT/Übersicht summer.txt" "$ROOT/summer 2.txt" "$ROOT/winter.txt"
    start_http
    open_page '' click '#filter' keys 'SUMMER' \
        is "$NAMES" "Summer summer 2.txt Übersicht summer.txt" \
        is 'document.getElementById("count").textContent' "3 of 4 entries" \
        keys ' uber' \
        is "$NAMES" "Übersicht summer.txt" \
        keys 'x' \
        is "$NAMES" "" \
        is 'document.body.innerText.includes("Nothing here has such a name.")' true \
        js 'document.getElementById("filter").select()' keys '{Backspace}' \
        is "$NAMES" "Summer summer 2.txt Übersicht summer.txt winter.txt" \
        is 'document.getElementById("none").hidden' true
}

@test "an empty directory says so, and 1,000 entries are sorted and filtered at once" {
    needs_browser
    local i
    mkdir "$ROOT/empty" "$ROOT/many"
    for ((i = 1; i <= 1000; i++)); do : >"$ROOT/many/IMG_$i.jpg"; done
    start_http
    open_page empty/ \
        is 'document.querySelector("main").innerText.includes("This folder is empty.")' true
    open_page many/ \
        is 'document.body.innerText.includes("This folder is empty.")' false \
        is 'document.querySelectorAll("tbody tr").length' 1000 \
        is 'document.querySelector("tbody tr:nth-child(1000) bdi").textContent' IMG_1000.jpg
    # For no row by itself is the page laid out; and how long that takes is the machine's affair.
    before=$(browser layouts)
    browser click 'th.name button' click '#filter' keys 99 \
        is "$NAMES" "$(printf 'IMG_%s.jpg ' {999..990} {899..199..100})IMG_99.jpg" \
        js 'sessionStorage.clear()'
    after=$(browser layouts)
    ((after - before < 50)) || fail "the page was laid out $((after - before)) times"
}

@test "without scripts the page can be read, and offers nothing that would need one" {
    needs_browser
    mkdir "$ROOT/sub"
    printf hello >"$ROOT/file.txt"
    touch -d 2020-01-02T03:04:05Z "$ROOT/file.txt"
    start_http
    browser scripts off go "$URL/" \
        is "$NAMES" "file.txt sub" \
        is 'document.querySelector("thead").innerText.trim().split(/\s*\n/).join()' \
        "Name,Size,Modified (UTC)" \
        is 'document.querySelector("tbody tr").innerText.split(/\s*\n/).join()' \
        "file.txt,5 B,2020-01-02 03:04" \
        is '[...document.querySelectorAll("button, input, dialog")]
            .filter((control) => control.checkVisibility()).length' 0 \
        click 'a[href="sub/"]' until 'location.pathname === "/sub/"' \
        is 'document.querySelector("main").innerText.includes("This folder is empty.")' true \
        click '#trail a' until 'location.pathname === "/"' click 'a[href="file.txt"]' \
        until 'document.body.innerText === "hello"'
}

# ---- uploads ----

@test "files are uploaded by the button and by dropping them, and the list follows without a new page" {
    needs_browser
    local name
    random_file "$FILES/one.bin" 300000
    random_file "$FILES/it's 50% & more?.txt" 10
    : >"$FILES/Ünïcode 日本.txt"
    mkdir "$ROOT/sub dir"
    start_http
    open_page sub%20dir/ js 'window.same = "page"' files '#files' "$FILES/one.bin" until "$(ended 1)" \
        until "$NAMES === 'one.bin'" \
        is "$SAID" "Uploaded one.bin." \
        drag "$FILES/Ünïcode 日本.txt" \
        is 'document.getElementById("drop").checkVisibility()' true \
        drop "$FILES/Ünïcode 日本.txt"$'\n'"$FILES/it's 50% & more?.txt" until "$(ended 2)" \
        until "document.querySelectorAll('tbody tr').length === 3" \
        is "$NAMES" "it's 50% & more?.txt one.bin Ünïcode 日本.txt" \
        is 'document.getElementById("drop").checkVisibility()' false \
        is 'window.same' page
    for name in "$FILES"/*; do
        assert_file_eq "$ROOT/sub dir/${name##*/}" "$name"
    done
    # Also as scripts drop them, which know no folders.
    browser js '
        const transfer = new DataTransfer();
        transfer.items.add(new File(["dropped"], "synthetic.txt"));
        document.body.dispatchEvent(
            new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        return true' until "$(ended 1)" >/dev/null
    assert_eq "$(<"$ROOT/sub dir/synthetic.txt")" dropped
    assert_console_is_silent
}

@test "two uploads go at a time; they wait for a free slot and say so; each can be cancelled" {
    needs_browser
    local i
    for i in 1 2 3 4 5; do printf 'file %s' "$i" >"$FILES/file$i"; done
    truncate -s 64M "$FILES/file1" # or all of it would be on its way before it is cancelled
    start_http -- 1
    open_page ''
    hold slot
    held slot
    browser files '#files' "$(printf '%s\n' "$FILES"/*)" until "$SAID === 'Waiting for a free slot…'" \
        is "$STATES" "queued queued queued sending sending" \
        is 'document.querySelector("#uploads .how").textContent' "Waiting for a free slot…" \
        is '[...document.querySelectorAll("progress")]
            .filter((bar) => bar.checkVisibility()).length' 2 \
        is 'document.getElementById("uploads-title").textContent' "0 of 5 uploaded"
    # From now on the largest number at a time is noted.
    browser js '
        window.most = 0;
        new MutationObserver(() => {
            most = Math.max(most, document.querySelectorAll("[data-state=sending]").length);
        }).observe(document.body, { subtree: true, attributes: true, childList: true });
        return true' click '[aria-label="Cancel file1"]' click '[aria-label="Cancel file4"]' >/dev/null
    browser is "$STATES" "cancelled cancelled queued sending sending"
    release slot
    browser until "$STATES === 'cancelled cancelled done done done'" until "$NAMES === 'file2 file3 file5'" \
        is 'window.most' 2
    assert_eq "$(ls -A "$ROOT")" $'file2\nfile3\nfile5' "what is under the root"
    browser click '[aria-label="Try again file4"]' until "$NAMES === 'file2 file3 file4 file5'" click '#clear' \
        is 'document.getElementById("uploads").hidden' true
    assert_eq "$(<"$ROOT/file4")" "file 4"
}

@test "an upload's bar shows how far it is, and one that is cancelled on its way leaves nothing" {
    needs_browser
    random_file "$FILES/large" 3000000
    start_http
    open_page '' network 1000000 files '#files' "$FILES/large" \
        until '/^[1-9][0-9]?% of 2.9 MiB$/.test(document.querySelector(".how").textContent)' \
        is 'const bar = document.querySelector("progress"); return bar.value > 0 && bar.value < 1' true
    assert_eq "$(browser role progress)" "progressbar Upload of large"
    browser click '[aria-label="Cancel large"]' network 0
    wait_until "$WAIT_SECONDS" workers_are 0
    assert_eq "$(ls -A "$ROOT")" "" "what is under the root"
    browser click '[aria-label="Try again large"]' until "$(ended 1)"
    assert_file_eq "$ROOT/large" "$FILES/large"
}

@test "what is there already is replaced only if that is wanted, whether or not the list had it" {
    needs_browser
    local name
    for name in a b c d; do printf new >"$FILES/$name"; done
    printf old | tee "$ROOT/a" >"$ROOT/b"
    start_http
    open_page ''
    printf old | tee "$ROOT/c" >"$ROOT/d" # behind the page's back
    browser files '#files' "$(printf '%s\n' "$FILES"/*)" until "$STATES === 'asking asking asking asking'" \
        click '[aria-label="Replace a"]' click '[aria-label="Skip b"]' click '[aria-label="Replace c"]' \
        click '[aria-label="Skip d"]' until "$STATES === 'cancelled cancelled done done'"
    assert_eq "$(cat "$ROOT"/{a,b,c,d})" newoldnewold "the files"
    browser files '#files' "$FILES/b"$'\n'"$FILES/d" until "$STATES === 'asking asking'" click '#replace-all' \
        until "$STATES === 'done done'"
    assert_eq "$(cat "$ROOT"/{a,b,c,d})" newnewnewnew "the files"
    assert_console_is_silent '\(Precondition Failed\)$'
}

@test "folders are uploaded with all that is in them, where clients may make directories, and refused in words elsewhere" {
    needs_browser
    mkdir -p "$FILES/tree/sub one/none" "$ROOT/tree"
    printf 1 >"$FILES/tree/f1"
    printf 2 >"$FILES/tree/sub one/f 2"
    printf 3 >"$FILES/f3"
    start_http --make-directories
    open_page '' drop "$FILES/tree"$'\n'"$FILES/f3" until "$(ended 3)" until "$NAMES === 'tree f3'"
    assert_eq "$(cd "$ROOT" && find . | sort)" "$(cd "$FILES" && find . | sort)" "the tree"
    assert_eq "$(cat "$ROOT/f3" "$ROOT/tree/sub one/f 2" "$ROOT/tree/f1")" 321 "the files"
    stop_server
    rm -r "${ROOT:?}"/*
    start_http
    open_page '' drop "$FILES/tree"$'\n'"$FILES/f3" until "$(ended 1)" \
        is "$WRONG" "Folders cannot be uploaded here, only files: tree was left out."
    assert_eq "$(ls -A "$ROOT")" f3 "what is under the root"
}

# ---- what else changes something ----

@test "a file is deleted after a question, and kept where the answer is no" {
    needs_browser
    touch "$ROOT/a" "$ROOT/b" "$ROOT/c"
    start_http
    open_page '' click '[aria-label="Delete b"]' until 'document.getElementById("delete").open' \
        is 'document.querySelector("#delete h2").textContent' "Delete b?" \
        is 'document.activeElement.textContent' "Keep it" \
        keys '{Enter}' until '!document.getElementById("delete").open' \
        is 'document.activeElement.getAttribute("aria-label")' "Delete b" \
        keys '{Enter}' until 'document.getElementById("delete").open' keys '{Escape}' \
        until '!document.getElementById("delete").open' \
        is "$NAMES" "a b c" \
        keys '{Enter}' until 'document.getElementById("delete").open' keys '{Tab}{Enter}' \
        until "$NAMES === 'a c'" \
        is "$SAID" "Deleted b." \
        is 'document.activeElement.textContent' c
    assert_eq "$(ls -A "$ROOT")" $'a\nc' "what is under the root"
    # One that has gone meanwhile goes from the list, too.
    rm "$ROOT/a"
    browser click '[aria-label="Delete a"]' click '#delete .danger' until "$NAMES === 'c'" \
        is "$WRONG" "a was not deleted: it is not there any more"
    assert_console_is_silent ' 404 '
}

@test "a folder is made, and a name that is taken is told in the question" {
    needs_browser
    touch "$ROOT/taken"
    start_http --make-directories
    open_page '' click '#new-folder' keys 'taken{Enter}' \
        until 'document.getElementById("folder-wrong").textContent' \
        js 'document.getElementById("folder-name").select()' keys 'Photos 100%{Enter}' \
        until '!document.getElementById("folder").open' until "$NAMES === 'Photos 100% taken'"
    [ -d "$ROOT/Photos 100%" ]
    browser is "$SAID" "Created the folder Photos 100%." \
        click '#new-folder' keys 'a/b{Enter}' \
        is 'document.getElementById("folder-name").validity.patternMismatch' true \
        js 'document.getElementById("folder-name").select()' keys "$(printf 'x%.0s' {1..256}){Enter}" \
        until 'document.getElementById("folder-wrong").textContent' \
        is 'document.getElementById("folder-wrong").textContent' "It could not be created: its name is too long"
    assert_eq "$(ls -A "$ROOT")" $'Photos 100%\ntaken' "what is under the root"
    assert_console_is_silent ' 405 | 414 '
}

@test "what the server does not allow is not offered" {
    needs_browser
    local offered='[...document.querySelectorAll("#tools button, td button")]
        .filter((b) => b.checkVisibility()).map((b) => b.ariaLabel || b.textContent).join()'
    touch "$ROOT/a"
    start_http --read-only
    open_page '' is "$offered" ""
    # Nor by dropping: the browser does with it what it likes.
    browser is '
        const event = new DragEvent("drop",
            { dataTransfer: new DataTransfer(), cancelable: true, bubbles: true });
        event.dataTransfer.items.add(new File(["x"], "x"));
        document.body.dispatchEvent(event);
        return event.defaultPrevented || document.querySelectorAll("#uploads li").length > 0' false
    stop_server
    start_http --no-delete
    open_page '' is "$offered" Upload
    stop_server
    start_http --make-directories
    open_page '' is "$offered" "Upload,New folder,Delete a"
}

@test "what goes wrong is said in words" {
    needs_browser
    local how='document.querySelector("#uploads [data-state=failed] .how").textContent'
    mkdir "$ROOT/sub" "$ROOT/sub/name"
    random_file "$FILES/large" 2000000
    printf x | tee "$FILES/small" >"$FILES/name"
    start_http --max-size 1M
    open_page sub/ files '#files' "$FILES/large" until "$(ended 1)" \
        is "$how" "Not uploaded: it is larger than the server takes" \
        is "$WRONG" "large was not uploaded: it is larger than the server takes" \
        click '#clear' files '#files' "$FILES/name" until "$(ended 1)"
    assert_contains "$(browser js "$WRONG")" "name was not uploaded: "
    browser click '#clear' click '[aria-label=Dismiss]' \
        is "$WRONG" ""
    rm -r "$ROOT/sub"
    browser files '#files' "$FILES/small" until "$WRONG"
    assert_contains "$(browser js "$how")" "Not uploaded: "
    stop_server
    browser click '[aria-label="Try again small"]' until "/connection was lost/.test($WRONG)"
}

@test "a full disk is told" {
    needs_browser
    needs_strace
    random_file "$FILES/large" 3000000
    SERVER_PREFIX=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o /dev/null -e trace=fallocate
        -e inject=fallocate:error=ENOSPC)
    start_http
    open_page '' files '#files' "$FILES/large" until "$(ended 1)" \
        is "$WRONG" "large was not uploaded: the server has no room for it"
}

# ---- for everybody ----

@test "everything can be done with the keyboard alone" {
    needs_browser
    printf 1 >"$ROOT/one"
    printf 22 >"$ROOT/two"
    mkdir "$ROOT/sub"
    start_http --make-directories
    # The filter, then the buttons, the columns, and the rows.
    open_page '' keys '{Tab}two' \
        is "$NAMES" two \
        js 'document.activeElement.select()' keys '{Backspace}{Tab}' \
        is 'document.activeElement.textContent' Upload \
        keys '{Tab}' \
        is 'document.activeElement.textContent' "New folder" \
        keys '{Tab}{Tab}{Enter}' \
        is "$NAMES" "sub two one" \
        keys '{Tab}{Tab}' \
        is 'document.activeElement.getAttribute("href")' sub/ \
        keys '{Tab}{Tab}{Tab}' \
        is 'document.activeElement.getAttribute("aria-label")' "Delete two" \
        is 'getComputedStyle(document.activeElement).outlineStyle' solid \
        keys '{Space}{Tab}{Space}' until "$NAMES === 'sub one'" until 'document.activeElement.textContent === "one"' \
        keys '{Shift+Tab}{Enter}' until 'location.pathname === "/sub/"' js 'sessionStorage.clear()'
}

@test "who listens to the page hears what each control is, and each message" {
    needs_browser
    touch "$ROOT/a"
    mkdir "$ROOT/sub"
    start_http --make-directories
    printf x >"$FILES/a"
    open_page '' files '#files' "$FILES/a" until "$STATES === 'asking'"
    for width in 1280 360; do
        browser size "$width" 700
        assert_eq "$(browser role '#filter' role '#choose' role '#new-folder' role table role 'tbody tr' \
            role 'tbody td' role 'th.size' role 'th.size button' role .delete role .download role '.file a' \
            role '#trail' role '[aria-current]' role '#count' role '#said' role '#uploads' \
            role '#uploads .choices button')" "searchbox Filter by name
button Upload
button New folder
table What is in this folder
row 
cell sub/
columnheader Size
button Size
button Delete a
link Download a
link a
navigation Path
heading $(browser js location.host)
status 
status 
region 0 of 1 uploaded
button Replace a"
    done
    browser is 'document.querySelectorAll("#wrong [role=alert]").length' 1
    # No control without a name, and no id twice.
    browser is '[...document.querySelectorAll("a, button, input")].filter((e) =>
        !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).length' 0 \
        is 'const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
        return ids.length - new Set(ids).size' 0
}

@test "on a phone nothing is cut off, and everything is large enough for a finger" {
    needs_browser
    local file width
    mkdir -p "$ROOT/sub/another folder"
    touch "$ROOT/sub/$(printf '%0240d' 0)" "$ROOT/sub/a"
    truncate -s 1023M "$ROOT/sub/large"
    file=$FILES/$(printf '%0240d' 1)
    printf x >"$file"
    start_http --make-directories
    for width in 360 320; do
        browser size "$width" 700
        open_page sub/ files '#files' "$file" until "$STATES" \
            is 'document.documentElement.scrollWidth <= innerWidth' true \
            is '[...document.querySelectorAll("td a, #uploads bdi, #uploads span")]
                .filter((box) => box.scrollWidth > box.clientWidth + 1).length' 0
        # All of a row opens what it names.
        browser is 'return [...document.querySelectorAll("a, button, input")].filter((e) => {
                if (!e.checkVisibility() || e.closest("dialog, .unseen"))
                    return false;
                const box = (e.closest("td.name") ? e.closest("tr") : e).getBoundingClientRect();
                return box.height < 44 || box.width < 44 || box.left < 0 || box.right > innerWidth;
            }).map((e) => e.outerHTML).join()' "" \
            js 'document.querySelector(".delete").click()' \
            is 'const box = document.getElementById("delete").getBoundingClientRect();
            return box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight' true
    done
    browser size 360 700 go "$URL/sub/" js '
        const row = document.querySelector("tbody tr").getBoundingClientRect();
        document.elementFromPoint(row.right - 20, row.bottom - 8).click(); return true' \
        until 'location.pathname === "/sub/another%20folder/"'
}

@test "light and dark are the reader's choice" {
    needs_browser
    local colours='getComputedStyle(document.body).backgroundColor + " " + getComputedStyle(document.body).color'
    start_http
    browser colours light
    open_page '' is "$colours" "rgb(244, 246, 248) rgb(24, 33, 44)" \
        colours dark \
        is "$colours" "rgb(16, 21, 27) rgb(229, 234, 240)" \
        colours light
}

@test "no script runs but the page's own: not one that is stored, nor one that gets into the page" {
    needs_browser
    cat >"$ROOT/evil.html" <<'END'
<!doctype html><title>as stored</title><p>text
<script>document.title = "evil"; fetch("/victim", { method: "DELETE" });</script>
<img src="/nothing" onerror="document.title = 'evil'">
END
    printf x >"$ROOT/victim"
    start_http -v
    browser go "$URL/evil.html" until 'document.body.innerText.startsWith("text")' \
        is document.title "as stored"
    open_page '' \
        js '
        const script = document.createElement("script");
        script.textContent = "window.evil = 1";
        document.body.append(script);
        const image = document.createElement("img");
        image.setAttribute("onerror", "window.evil = 2");
        image.src = "data:,";
        document.body.append(image);
        return new Promise((resolve) => setTimeout(resolve, 100))' >/dev/null
    browser is 'window.evil === undefined' true
    [ -e "$ROOT/victim" ]
    refute grep -F "server receiving request: DELETE" "$SERVER_OUT"
}
