#!/usr/bin/env bats
# Runs on: once
#
# The pictures in the documents: each is well-formed, has a title, is shown by a page and described
# there, and can be read on a light and on a dark page, as a browser measures it. That each check can
# fail is shown with a picture that is broken in this one way.

load lib
load browser

PICTURES=$PROJECT/docs/pictures

setup_file() {
    start_browser
}

teardown_file() {
    stop_browser
}

setup() {
    command -v python3 >/dev/null || skip "needs python3"
    shopt -s nullglob
    BROKEN=$BATS_TEST_TMPDIR/broken.svg
}

# A picture with nothing wrong.
good() {
    cat <<'SVG'
<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100" viewBox="0 0 200 100" role="img">
<title>A word on a stripe, and one beside it</title>
<style>
text { font: 14px sans-serif; fill: #1f2328 }
.page { fill: #ffffff }
.stripe { fill: #1f5f9e }
.on { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.page { fill: #0d1117 }
.stripe { fill: #6cb6ff }
.on { fill: #0d1117 }
}
</style>
<rect class="page" width="200" height="100"/>
<rect class="stripe" x="10" y="10" width="180" height="30"/>
<text class="on" x="20" y="30">word</text>
<text x="20" y="70">beside</text>
</svg>
SVG
}

# broken SED: writes that picture, changed by this command, to BROKEN
broken() {
    good | sed "$1" >"$BROKEN"
    [ "$(good)" != "$(<"$BROKEN")" ] || fail "this changes nothing: $1"
}

# badly_formed PICTURE...: what is wrong with each as a file
badly_formed() {
    python3 - "$@" <<'PY'
import sys, xml.etree.ElementTree as tree
SVG = "{http://www.w3.org/2000/svg}"
for path in sys.argv[1:]:
    name = path.rsplit("/", 1)[-1]
    try:
        root = tree.parse(path).getroot()
    except tree.ParseError as reason:
        print(f"{name}: is not well-formed: {reason}")
        continue
    if root.tag != SVG + "svg" or root.get("role") != "img" or not root.get("viewBox"):
        print(f'{name}: is no <svg role="img" viewBox=...>')
    if not (root.findtext(SVG + "title") or "").strip():
        print(f"{name}: has no title")
PY
}

# not_shown TREE: the pictures of a tree that no page of it shows, or describes in fewer than 20 letters
not_shown() {
    python3 - "$1" <<'PY'
import pathlib, re, sys
top = pathlib.Path(sys.argv[1]).resolve()
described = {}
for page in [top / "README.md", *top.glob("docs/**/*.md")]:
    for words, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        picture = (page.parent / target).resolve()
        described.setdefault(picture, []).append(" ".join(words.split()))
for picture in sorted(top.glob("docs/pictures/*.svg")):
    if picture not in described:
        print(f"{picture.name}: no page shows it")
    for words in described.get(picture, []):
        if len(words) < 20:
            print(f"{picture.name}: is not described by [{words}]")
PY
}

# badly_seen PICTURE...: what a reader finds wrong with each, on a light and on a dark page
badly_seen() {
    local picture steps=(size 1600 1600) code said
    code=$(<"$PROJECT/test/pictures.js")
    for picture in "$@"; do
        steps+=(go "file://$picture" colours light js "$code" colours dark js "$code")
    done
    said=$(browser "${steps[@]}") || return
    sed '/^$/d' <<<"$said"
}

# finds_nothing COMMAND...: it goes well, and has nothing to say
finds_nothing() {
    local found
    found=$("$@") || return
    assert_eq "$found" "" complaints
}

# finds WORDS COMMAND...: its output has them
finds() {
    local found
    found=$("${@:2}") || return
    assert_contains "$found" "$1"
}

@test "every picture is well-formed and has a title" {
    local all=("$PICTURES"/*.svg)
    [ ${#all[@]} -ge 5 ]
    finds_nothing badly_formed "${all[@]}"
}

@test "what is not well-formed, or has no title, is noticed" {
    good >"$BROKEN"
    finds_nothing badly_formed "$BROKEN"
    broken 's|</style>||'
    finds "is not well-formed" badly_formed "$BROKEN"
    broken '/<title>/d'
    finds "has no title" badly_formed "$BROKEN"
    broken 's/ role="img"//'
    finds "is no <svg" badly_formed "$BROKEN"
}

@test "every picture is shown by a page, which describes it" {
    finds_nothing not_shown "$PROJECT"
}

@test "a picture that no page shows, or shows without a word, is noticed" {
    local tree=$BATS_TEST_TMPDIR/tree
    mkdir -p "$tree/docs/pictures"
    good >"$tree/docs/pictures/good.svg"
    printf '%s\n' '# Page' '' 'See [good.svg](docs/pictures/good.svg).' >"$tree/README.md"
    finds "good.svg: no page shows it" not_shown "$tree"
    echo '![A picture](pictures/good.svg)' >"$tree/docs/page.md"
    finds "good.svg: is not described by [A picture]" not_shown "$tree"
    printf '%s\n' '![On the left there is a word, and' 'on the right another.](pictures/good.svg)' \
        >"$tree/docs/page.md"
    finds_nothing not_shown "$tree"
}

@test "every text can be read: large enough, whole, by itself, in both colour schemes" {
    needs_browser
    finds_nothing badly_seen "$PICTURES"/*.svg
}

@test "a picture with nothing wrong passes" {
    needs_browser
    good >"$BROKEN"
    finds_nothing badly_seen "$BROKEN"
}

@test "small, clipped and overlapping texts are noticed" {
    needs_browser
    broken 's/14px/10px/'
    finds '(light): text is too small: "word" 10px' badly_seen "$BROKEN"
    broken 's/x="20" y="70"/x="180" y="70"/'
    finds '(light): text is cut off: "beside"' badly_seen "$BROKEN"
    broken 's/x="20" y="70"/x="20" y="-70"/'
    finds '(dark): text is cut off: "beside"' badly_seen "$BROKEN"
    broken 's/x="20" y="70"/x="30" y="36"/'
    finds 'texts overlap: "word" "beside"' badly_seen "$BROKEN"
    broken 's/x="20" y="70"/transform="translate(40 65) rotate(-90)"/'
    finds 'texts overlap: "word" "beside"' badly_seen "$BROKEN"
}

@test "too little contrast is noticed, in one scheme and in the other" {
    needs_browser
    broken 's/#1f2328/#999999/'
    finds '(light): too little contrast: "beside" 2.8' badly_seen "$BROKEN"
    broken 's/#e6edf3/#555555/'
    finds '(dark): too little contrast: "beside"' badly_seen "$BROKEN"
    broken '/^.stripe { fill: #1f5f9e }/s/#1f5f9e/#ffd700/'
    finds '(light): too little contrast: "word"' badly_seen "$BROKEN"
    broken 's/class="stripe"/& fill-opacity="0.1"/'
    finds 'too little contrast: "word"' badly_seen "$BROKEN"
}

@test "a picture without a background of its own, or with the same one for both, is noticed" {
    needs_browser
    broken '/class="page"/d'
    finds '(light): there is no background of its own behind "beside"' badly_seen "$BROKEN"
    broken '/#0d1117/d'
    finds '(dark): the background is not dark' badly_seen "$BROKEN"
}
