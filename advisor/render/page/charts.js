// What the pages share: elements, numbers in words, copying, charts. Nothing is loaded.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const MOST_LANES = 12;

// Makes an element with attributes (or, for functions, listeners) and children.
function make(tag, attributes = {}, ...children) {
  const node = tag.startsWith("svg:")
    ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null));
  return node;
}

function seconds(value) {
  if (value === 0) return "0";
  if (!isFinite(value)) return "-";
  const round = (x) => (x >= 99.5 ? x.toFixed(0) : x >= 9.95 ? x.toFixed(0) : x.toFixed(x >= 0.995 ? 1 : 2));
  if (value < 0.0995) return `${(value * 1000).toFixed(value < 0.00995 ? 1 : 0)} ms`;
  if (value < 120) return `${round(value)} s`;
  if (value < 7200) {
    const minutes = Math.floor(value / 60), rest = Math.round(value - 60 * minutes);
    return minutes < 20 && rest ? `${minutes} min ${rest % 60} s` : `${Math.round(value / 60)} min`;
  }
  return `${(value / 3600).toFixed(value < 36000 ? 1 : 0)} h`;
}
function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1023.5 && unit < 4) { value /= 1024; unit++; }
  return `${value >= 99.5 || !unit ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}
const ratio = (x) => (x >= 9.95 ? x.toFixed(0) : x < 0.995 ? `${+x.toPrecision(2)}` : x.toFixed(1));

// --- copying -----------------------------------------------------------------------------------
function copied(button, text) {
  const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = button.dataset.label; }, 1500); };
  const select = () => {
    const area = make("textarea", { class: "offscreen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    done();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, select);
  else select();
}
function copyButton(label, text) {
  const button = make("button", { type: "button", "data-label": label, click: () => copied(button, text()) }, label);
  return button;
}

// --- charts ------------------------------------------------------------------------------------
function svg(id, height, label) {
  const place = $(id), width = Math.max(280, place.clientWidth || 800);
  const node = make("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  place.replaceChildren(node);
  return [node, width];
}
const text = (x, y, words, attributes = {}) => make("svg:text", { x, y, ...attributes }, words);

function ticks(high) {
  const raw = high / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step);
}

// Runs over time below each other on one axis, a row per lane, or per several where there are many:
// groups of {words, bars: [[lane, start, end, phase]]}. The sliders zoom and pan, unless it is fixed.
function drawBars(id, groups, { whole, fixed = false, most = MOST_LANES } = {}) {
  const place = $(id), width = Math.max(280, place.clientWidth || 800), row = 12;
  const last = (bars, at) => bars.reduce((top, bar) => Math.max(top, bar[at]), 0);
  whole ??= Math.max(1e-9, ...groups.map(({ bars }) => last(bars, 2)));
  const span = fixed ? whole : whole / 2 ** Number($("zoom").value), from = fixed ? 0 : (whole - span) * Number($("pan").value);
  const x = (s) => ((s - from) / span) * (width - 8);
  const step = ticks(span)[1] || span, marks = [];
  for (let at = Math.ceil(from / step) * step; x(at) < width - 30; at += step) marks.push(at);
  const picture = (height, label) => {
    const hidden = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
    const node = make("svg:svg", { width, height, viewBox: `0 0 ${width} ${height}`, ...hidden });
    for (const at of marks) node.append(make("svg:line", { class: "grid", x1: x(at), x2: x(at), y1: 0, y2: height }));
    return node;
  };
  place.replaceChildren(...groups.flatMap(({ words, bars }) => {
    const lanes = 1 + last(bars, 0), fold = Math.ceil(lanes / most), merged = new Map();
    const node = picture(Math.ceil(lanes / fold) * row + 6, words);
    const draw = ({ left, right, phase, y }) => node.append(make("svg:rect", {
      class: phase, x: left.toFixed(1), y, width: Math.max(0.5, right - left).toFixed(1), height: row - 2 }));
    for (const [lane, start, end, phase] of bars) {
      const left = Math.max(0, x(start)), right = Math.min(width - 8, x(end));
      if (right <= 0 || left >= width - 8 || right - left < 0.15) continue;
      const y = Math.floor(lane / fold) * row + 2, key = `${y} ${phase}`, before = merged.get(key);
      if (before && left - before.right < 0.3) { before.right = Math.max(before.right, right); continue; }
      if (before) draw(before);
      merged.set(key, { left, right, phase, y });
    }
    merged.forEach(draw);
    return [make("p", { class: "run" }, words + (fold > 1 ? ` - ${lanes} rows, ${fold} folded into one` : "")), node];
  }));
  const axis = picture(18);
  for (const at of marks) axis.append(text(x(at) + 2, 14, seconds(+at.toPrecision(6)), { class: "axis" }));
  place.append(axis);
}

// Lines over two logarithmic axes, x even where it counts: {name, points: [[x, y, low, high]]}.
function drawLines(id, lines, { label, xText, xName, even = false, marks = [], rings = [] }) {
  const height = 260, [node, width] = svg(id, height, label), left = 72, bottom = 34;
  const xs = lines.flatMap((line) => line.points.map((p) => p[0])), ys = lines.flatMap((line) => line.points.flatMap((p) => [p[2] ?? p[1], p[3] ?? p[1]]));
  if (!xs.length) { node.append(text(8, 20, "Nothing to show here.")); return; }
  const place = even ? (v) => v : Math.log;
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)].map(place), [y0, y1] = [Math.min(...ys), Math.max(...ys)].map(Math.log);
  const X = (v) => left + ((place(v) - x0) / Math.max(1e-9, x1 - x0)) * (width - left - 24);
  const Y = (v) => height - bottom - ((Math.log(v) - y0) / Math.max(1e-9, y1 - y0)) * (height - bottom - 14);
  const decades = (a, b) => {
    const out = [];
    for (let e = Math.floor(a / Math.LN10) - 1; e <= Math.ceil(b / Math.LN10); e++)
      for (const m of [1, 2, 5]) { const v = m * 10 ** e; if (Math.log(v) >= a - 1e-9 && Math.log(v) <= b + 1e-9) out.push(v); }
    return out.length > 9 ? out.filter((v) => /^[15]/.test(v.toExponential())) : out;
  };
  for (const v of decades(y0, y1)) node.append(make("svg:line", { class: "grid", x1: left, x2: width - 12, y1: Y(v), y2: Y(v) }), text(left - 6, Y(v) + 4, seconds(v), { class: "axis end" }));
  let free = -Infinity;
  for (const v of even ? [...new Set(xs)].sort((a, b) => a - b) : decades(x0, x1)) {
    const words = xText(v), half = 3.5 * words.length;
    const middle = Math.min(X(v), width - half);
    if (middle - half < free) continue;
    free = middle + half + 8;
    node.append(text(middle, height - 16, words, { class: "axis middle" }));
  }
  marks.forEach(([at, words], n) => {
    if (place(at) < x0 - 1e-9 || place(at) > x1 + 1e-9) return;
    const late = X(at) > width - 140;
    node.append(make("svg:line", { class: "mark", x1: X(at), x2: X(at), y1: 10, y2: height - bottom }),
      text(X(at) + (late ? -4 : 4), 20 + 14 * n, words, { class: `axis ${late ? "end" : ""}` }));
  });
  lines.forEach(({ name, points }, n) => {
    if (points.some((p) => p[2] !== undefined))
      node.append(make("svg:path", { class: `band line${n}`, d: `M${points.map((p) => `${X(p[0])},${Y(p[3])}`).join("L")}L${[...points].reverse().map((p) => `${X(p[0])},${Y(p[2])}`).join("L")}Z` }));
    node.append(make("svg:path", { class: `line line${n}`, d: `M${points.map((p) => `${X(p[0])},${Y(p[1])}`).join("L")}` }));
    for (const p of points) node.append(make("svg:circle", { class: `dot line${n}`, cx: X(p[0]), cy: Y(p[1]), r: 2.5 }, make("svg:title", {}, `${name}: ${xText(p[0])}, ${seconds(p[1])}`)));
  });
  for (const [x, y, words] of rings) if (place(x) >= x0 - 1e-9 && place(x) <= x1 + 1e-9 && Math.log(y) <= y1 && Math.log(y) >= y0)
    node.append(make("svg:circle", { class: "ring", cx: X(x), cy: Y(y), r: 6 }, make("svg:title", {}, words)));
  $(`${id}-key`).replaceChildren(...lines.map(({ name }, n) => make("li", {}, make("i", { class: `line${n}` }), name)));
  const range = (p) => (p ? seconds(p[1]) + (p[2] === undefined ? "" : ` (${seconds(p[2])} to ${seconds(p[3])})`) : "-");
  fillTable(`${id}-table`, [xName, ...lines.map(({ name }) => name)], [...new Set(xs)].sort((a, b) => a - b)
    .map((v) => [xText(v), ...lines.map(({ points }) => range(points.find((p) => p[0] === v)))]));
}
// What a chart shows, for who reads it: words on the left, figures on the right.
function fillTable(id, head, rows) {
  const side = (i) => ({ class: i ? null : "left" });
  $(id).replaceChildren(
    make("thead", {}, make("tr", {}, ...head.map((words, i) => make("th", { scope: "col", ...side(i) }, words)))),
    make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell, i) => make("td", side(i), cell))))));
}
