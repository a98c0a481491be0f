// pictures.js - looks at a picture (SVG) as a reader sees it, and returns what is wrong with it, a
// line each.
//
// Runs in: a browser that shows the picture by itself; pictures.bats gives it this as one step.
// Checks:  that no text is too small, is cut off, or lies on another text, and that its colour differs
//          enough from the colours behind it, which must be the picture's own.

const SMALLEST = 11; // of text, in the picture's own pixels
const CONTRAST = 4.5; // WCAG 2, level AA, for text of this size
const LEEWAY = 0.5; // of edges
const LINE_GAP = 0.15; // of a text's height: above and below most of its letters
const PROBES = [0.02, 0.25, 0.5, 0.75, 0.98]; // where to look behind a text, by its width

const svg = document.documentElement;
const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
const complaints = [];
const quote = (text) => `"${text.textContent.trim().replace(/\s+/g, " ")}"`;
const complain = (...words) =>
    complaints.push([location.pathname.replace(/.*\//, ""), `(${scheme}):`, ...words].join(" "));

// ---- colours ----

const channels = (colour) => colour.match(/[\d.]+/g).map(Number);

function luminance(colour) {
    const [red, green, blue] = colour.map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
    const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
}

// Its fill, as red, green, blue and opacity; null where it has none.
function fill(element) {
    const style = getComputedStyle(element);
    if (!/^rgb/.test(style.fill))
        return null;
    const [red, green, blue, alpha = 1] = channels(style.fill);
    let opacity = alpha * Number(style.fillOpacity);
    for (let each = element; each instanceof SVGElement; each = each.parentNode)
        opacity *= Number(getComputedStyle(each).opacity);
    return [red, green, blue, opacity];
}

function covers(shape, x, y) {
    if (!(shape instanceof SVGGeometryElement))
        return false;
    return shape.isPointInFill(new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse()));
}

// The colour that a point of the window has without its texts; null where the page shows through.
function behind(x, y) {
    let colour = [0, 0, 0];
    let left = 1; // of the light that comes from further behind
    for (const shape of document.elementsFromPoint(x, y)) {
        const paint = covers(shape, x, y) ? fill(shape) : null;
        if (paint === null)
            continue;
        colour = colour.map((value, i) => value + left * paint[3] * paint[i]);
        left *= 1 - paint[3];
    }
    return left < 0.01 ? colour : null;
}

// ---- the checks ----

const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim() !== "");
const places = texts.map((text) => text.getBoundingClientRect());

function checkSize(text) {
    const size = parseFloat(getComputedStyle(text).fontSize);
    if (size < SMALLEST)
        complain("text is too small:", quote(text), `${size}px`);
}

function checkEdges(text, place) {
    const toPicture = svg.getScreenCTM().inverse();
    const start = new DOMPoint(place.left, place.top).matrixTransform(toPicture);
    const end = new DOMPoint(place.right, place.bottom).matrixTransform(toPicture);
    const box = svg.viewBox.baseVal;
    if (start.x < box.x - LEEWAY || start.y < box.y - LEEWAY ||
        end.x > box.x + box.width + LEEWAY || end.y > box.y + box.height + LEEWAY)
        complain("text is cut off:", quote(text));
}

function checkOverlaps(i) {
    const [one, gap] = [places[i], places[i].height * LINE_GAP];
    for (let j = i + 1; j < texts.length; j++) {
        const other = places[j];
        if (one.left + LEEWAY < other.right && other.left + LEEWAY < one.right &&
            one.top + gap < other.bottom - gap && other.top + gap < one.bottom - gap)
            complain("texts overlap:", quote(texts[i]), quote(texts[j]));
    }
}

function checkContrast(text, place) {
    const middle = (place.top + place.bottom) / 2;
    for (const part of [text, ...text.querySelectorAll("tspan")]) {
        const colour = fill(part) ?? [0, 0, 0, 0];
        for (const probe of PROBES) {
            const back = behind(place.left + place.width * probe, middle);
            if (back === null)
                return complain("there is no background of its own behind", quote(text));
            const ratio = contrast(colour, back);
            if (colour[3] < 1 || ratio < CONTRAST)
                return complain("too little contrast:", quote(text), ratio.toFixed(2));
        }
    }
}

function checkScheme() {
    const corner = behind(svg.getBoundingClientRect().left + 1, svg.getBoundingClientRect().top + 1);
    if (corner === null || (luminance(corner) < 0.2) !== (scheme === "dark"))
        complain("the background is not", scheme);
}

checkScheme();
texts.forEach((text, i) => {
    checkSize(text);
    checkEdges(text, places[i]);
    checkOverlaps(i);
    checkContrast(text, places[i]);
});
return complaints.join("\n");
