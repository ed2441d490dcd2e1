// The report's page: cards, sliders and charts, drawn from the model in model/.
"use strict";

const MOST_POINTS = 24;

for (const each of DATA.profiles)
  for (const way of each.ways) way.preload_modules = way.warm ? each.preload : [];

// --- the state: a profile and the sliders ------------------------------------------------------
let state = { profile: 0 };
let profile, ways, measured;

function asMeasured() {
  const { scenario } = profile;
  return { items: scenario.items.count, scale: 1, cores: scenario.cores, memory_bytes: scenario.memory_bytes };
}
function readFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (name, fallback) => (Number(given.get(name)) > 0 ? Number(given.get(name)) : fallback);
  profile = DATA.profiles[Math.min(DATA.profiles.length, number("profile", 1)) - 1];
  const base = asMeasured();
  state = {
    profile: DATA.profiles.indexOf(profile),
    items: Math.min(1e5, Math.round(number("items", base.items))), scale: number("scale", base.scale),
    cores: number("cores", base.cores), memory_bytes: number("memory", base.memory_bytes),
  };
}
function writeFragment() {
  const base = asMeasured(), changed = new URLSearchParams();
  if (state.profile) changed.set("profile", state.profile + 1);
  for (const [name, key] of [["items", "items"], ["scale", "scale"], ["cores", "cores"], ["memory", "memory_bytes"]])
    if (state[key] !== base[key]) changed.set(name, +state[key].toPrecision(6));
  history.replaceState(null, "", changed.size ? `#${changed}` : location.pathname + location.search);
}
function changed() {
  const base = asMeasured();
  return ["items", "scale", "cores", "memory_bytes"].some((key) => state[key] !== base[key]);
}

// --- the ways at the sliders' point ------------------------------------------------------------
// A batch of all items stays one where their number changes; so do as many batches as slots.
function fitted(way) {
  const count = profile.scenario.items.count;
  if (state.items === count || way.batch_size === 1) return way;
  const batches = Math.ceil(count / way.batch_size);
  return { ...way, batch_size: Math.ceil(state.items / batches) };
}
// The page's list of items is not drawn; what the drawing changes at the measured point is kept.
function anchored(model, at, way) {
  way.anchor ??= way.predicted_s.median / new Model(profile.scenario, asMeasured()).estimate(way);
  return Math.max(model.estimate(at) * way.anchor, model.under(at).leastAtRate(at));
}
function evaluate() {
  const model = new Model(profile.scenario, state);
  const same = !changed();
  ways = profile.ways.map((way) => {
    if (!way.ported || same) return { ...way, ...way.predicted_s, at: same ? way : null, fits: true };
    const at = fitted(way), estimated = anchored(model, at, way), factor = estimated / way.predicted_s.median;
    return {
      ...way, at, median: estimated, low: Math.max(way.predicted_s.low * factor, model.under(at).leastAtRate(at)), high: way.predicted_s.high * factor,
      peak_memory_bytes: model.peak(at), fits: model.fits(at),
      label: way.label.replace(...[way, at].map((each) => `batches of ${each.batch_size.toLocaleString("en")}`)),
    };
  }).filter((way) => way.at !== null);
  const best = (list) => list.reduce((least, way) => (!least || way.median < least.median ? way : least), null);
  const allowed = ways.filter((way) => way.allowed && way.fits && way.tried && model.keepsBusy(way.at));
  const named = (name) => ways.find((way) => way.roles.includes(name)) || null;
  return same
    ? { model, now: named("now"), config: named("config"), best: named("best") }
    : { model, now: named("now"), config: best(allowed.filter((way) => !way.needs_code)), best: best(allowed) };
}

// --- cards -------------------------------------------------------------------------------------
function yaml(tree, depth = 0) {
  return Object.entries(tree).map(([key, value]) => {
    const lead = "  ".repeat(depth);
    if (Array.isArray(value) && value.every((x) => typeof x !== "object"))
      return `${lead}${key}:\n${value.map((x) => `${lead}  - ${x}\n`).join("")}`;
    if (value && typeof value === "object" && !Array.isArray(value))
      return Object.keys(value).length ? `${lead}${key}:\n${yaml(value, depth + 1)}` : `${lead}${key}: {}\n`;
    return `${lead}${key}: ${JSON.stringify(value)}\n`;
  }).join("");
}
function configOf(way) {
  const { paths, user_config: own } = profile;
  const path = paths[way.executor];
  if (!path) return null;
  let config = { ...own };
  if (way.executor === "multiprocess") {
    const server = way.preload_modules.length ? { preload_modules: way.preload_modules } : {};
    config = { ...config, max_concurrent: way.max_concurrent, start_method: { [way.start_method]: server } };
  }
  return yaml([...path].reverse().reduce((inner, key) => ({ [key]: inner }), config));
}
function card(title, way, now, extra) {
  if (!way) return make("section", { class: "card" }, make("h2", {}, title), make("p", { class: "quiet" }, "None that fits."));
  const gain = now && now !== way ? `${ratio(now.median / way.median)}x` : "";
  return make("section", { class: `card ${way.roles.includes("best") && !changed() ? "advised" : ""}` },
    make("h2", {}, title, make("span", { class: "gain" }, gain)),
    make("p", { class: "time" }, seconds(way.median),
      make("span", { class: "quiet" }, ` (${seconds(way.low)} to ${seconds(way.high)})`)),
    make("p", {}, way.label),
    make("p", { class: "quiet" }, `${bytes(way.peak_memory_bytes)} of memory${way.costs.length ? `; ${way.costs.join("; ")}` : ""}`),
    ...extra.filter(Boolean));
}
function nowCard(now) {
  const missing = !now && profile.ways.find((each) => each.roles.includes("now"));
  const [label, words] = missing ? [missing.label, `Not recomputed here; as measured ${seconds(missing.predicted_s.median)}.`]
    : [profile.own_way, `There is no prediction of it.${now ? ` Dagster's default: ${seconds(now.median)}.` : ""}`];
  return label ? make("section", { class: "card" }, make("h2", {}, "Now"), make("p", {}, label), make("p", { class: "warn" }, words)) : card("Now", now, null, []);
}
function drawCards({ now, config, best }) {
  const pasted = config && configOf(config);
  $("cards").replaceChildren(
    nowCard(now),
    card("Paste a config", config, now, [pasted && copyButton("Copy run config", () => pasted)]),
    card(best && best.needs_code ? "Change the op" : "Best", best, now, [
      best && best.needs_code && profile.code ? copyButton("Copy code", () => profile.code) : null]));
  $("config").textContent = pasted || profile.run_config || "# nothing to paste";
  $("copy-config").replaceChildren(copyButton("Copy run config", () => $("config").textContent));
  $("code").textContent = profile.code || "# no change of code";
  $("code-note").textContent = changed() ? "The code is that of the measured point." : "";
}

// --- sliders -----------------------------------------------------------------------------------
const SLIDERS = [
  { key: "items", label: "items", from: 1, to: 10000, show: (x) => x.toLocaleString("en"), round: Math.round },
  { key: "scale", label: "seconds per item", from: 0.01, to: 100,
    show: (x) => seconds(x * profile.item_s), round: (x) => +x.toPrecision(3) },
  { key: "cores", label: "cores", from: 1, to: 64, show: (x) => `${+x.toFixed(1)}`, round: (x) => (x < 4 ? Math.round(2 * x) / 2 : Math.round(x)) },
  { key: "memory_bytes", label: "memory", from: 2 ** 28, to: 2 ** 40, show: bytes, round: Math.round },
];
function drawSliders() {
  $("sliders").replaceChildren(...SLIDERS.map(({ key, label, from, to, show, round }) => {
    const low = Math.min(from, state[key]), high = Math.max(to, state[key]);
    const place = (x) => 1000 * Math.log(x / low) / Math.log(high / low);
    const output = make("output", { for: `slider-${key}` }, show(state[key]));
    const input = make("input", {
      type: "range", id: `slider-${key}`, min: 0, max: 1000, step: "any", "aria-valuetext": show(state[key]),
      input: () => {
        const value = round(low * (high / low) ** (input.value / 1000)), base = asMeasured()[key];
        state[key] = Math.abs(place(value) - place(base)) < 4 ? base : value;
        output.textContent = show(state[key]);
        input.setAttribute("aria-valuetext", show(state[key]));
        schedule();
      },
    });
    input.value = place(state[key]);
    return make("label", { for: `slider-${key}` }, make("span", {}, label), output, input);
  }));
}

// The parts of a serial run or of a batch, as bars on one lane.
function serialBars(model, way) {
  const { seconds: total, before, items } = model.serial(way), bars = [[0, 0, before, "start", -1]];
  if (way.batch_size > 1 || model.count > 60) bars.push([0, before, before + items, "work", 0]);
  else {
    const other = (total - before - items) / (model.count + 2);
    let at = before;
    for (const i of model.order) {
      bars.push([0, at, at + other / 2, "store", i]);
      bars.push([0, at + other / 2, at + other / 2 + model.wall[i], "work", i]);
      at += other + model.wall[i];
    }
    return bars;
  }
  bars.push([0, before + items, total, "store", -2]);
  return bars;
}
// Steps as tasks of one event loop, after what comes before them; what collects comes last.
function loopBars(model, way, shown) {
  const { before } = model.serial(way), bars = [], total = model.async(way);
  const ended = before + model.loop(way, shown, undefined, bars);
  const moved = bars.map(([lane, from, to, phase, item]) => [lane, from + before, to + before, phase, item]);
  const last = shown < model.count ? [] : [[0, ended, Math.max(ended, total), "store", -2]];
  return [[0, 0, before, "start", -1], ...moved, ...last];
}
function barsOf(whole, way) {
  const model = whole.under(way);
  if (way.executor === "in_process") return { bars: serialBars(model, way), shown: 1 };
  const steps = model.steps(way), shown = Math.min(steps, 200);
  const bars = way.executor === "async" ? loopBars(model, way, shown) : model.timeline(way, shown, true).bars;
  return { bars, shown: shown / steps };
}
function drawTimeline({ model, now, config, best }) {
  drawBars("timeline", [["now", now], ["config", config], ["best", best]]
    .filter(([, way], i, all) => way && way.ported && all.findIndex(([, w]) => w === way) === i)
    .map(([name, way]) => {
      const { bars, shown } = barsOf(model, way.at), waits = way.median - bars.reduce((end, bar) => Math.max(end, bar[2]), 0);
      const cut = shown < 1 ? ` - the first ${Math.round(100 * shown)} % of the steps` : "";
      const held = profile.scenario.rate && shown === 1 && waits > 0.1 * way.median ? ` - ${seconds(waits)} of waiting for the service's rate are not drawn` : "";
      return { bars, words: `${name.toUpperCase()}  ${seconds(way.median)}  ${way.label}${cut}${held}` };
    }));
}
const FAMILIES = [
  ["spawn", (way) => way.start_method === "spawn"],
  ["forkserver", (way) => way.start_method === "forkserver" && !way.preload_modules.length],
  ["forkserver with preload_modules", (way) => way.start_method === "forkserver" && way.preload_modules.length > 0],
  ["async", (way) => way.executor === "async"],
];
function drawConcurrency({ model }) {
  const most = Math.max(2, Math.min(64, state.items)), counts = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64].filter((n) => n <= most);
  const lines = FAMILIES.map(([name, of]) => {
    const way = profile.ways.find((w) => w.ported && w.executor !== "in_process" && w.launch === "execute_job" && w.batch_size === 1 && w.op_threads === null && of(w));
    if (!way) return null;
    const { low, median, high } = way.predicted_s;
    return { name, points: counts.map((n) => { const s = anchored(model, { ...way, max_concurrent: n }, way); return [n, s, s * low / median, s * high / median]; }) };
  }).filter(Boolean);
  const serial = ways.find((way) => way.executor === "in_process" && way.launch === "execute_job" && way.batch_size === 1);
  if (serial) lines.push({ name: "in_process", points: counts.map((n) => [n, serial.median]) });
  const rings = changed() ? [] : profile.runs.filter((run) => run.batch_size === 1 && run.executor !== "in_process")
    .flatMap((run) => run.seconds.map((s) => [run.max_concurrent, s, `real run: ${run.label}, ${seconds(s)}`]));
  drawLines("concurrency", lines, { label: `Time over max_concurrent, ${lines.map((line) => line.name).join(", ")}`, xText: (v) => `${v}`, xName: "max_concurrent", marks: [[Math.max(1, state.cores), "cores"]], rings });
}
function drawDurations({ now, config, best }) {
  const named = [["now", now], ["config only", config], ["best", best]].filter(([, way], i, all) => way && way.ported && all.findIndex(([, w]) => w === way) === i);
  const serial = profile.ways.find((way) => way.ported && way.executor === "in_process" && way.launch === "execute_job" && way.batch_size === 1);
  if (serial && !named.some(([, way]) => way.label === serial.label)) named.push(["in_process", { ...serial, at: fitted(serial) }]);
  const scales = Array.from({ length: MOST_POINTS }, (_, i) => 10 ** (-2 + (4 * i) / (MOST_POINTS - 1)));
  const models = scales.map((scale) => new Model(profile.scenario, { ...state, scale }));
  const lines = named.map(([name, way]) => ({ name, points: scales.map((scale, i) => [scale * profile.item_s, anchored(models[i], way.at, way)]) }));
  const crossings = [];
  for (let a = 0; a < lines.length; a++) for (let b = a + 1; b < lines.length; b++)
    for (let i = 1; i < scales.length; i++) {
      const [p, q] = [i - 1, i].map((n) => Math.log(lines[a].points[n][1] / lines[b].points[n][1]));
      if (p * q < 0) {
        const at = lines[a].points[i - 1][0] * (scales[i] / scales[i - 1]) ** (p / (p - q));
        crossings.push(`${q > 0 ? lines[b].name : lines[a].name} is faster than ${q > 0 ? lines[a].name : lines[b].name} above ${seconds(at)} per item`);
      }
    }
  drawLines("durations", lines, { label: `Time over item duration. ${crossings.join("; ")}`, xText: seconds, xName: "per item", marks: [[profile.item_s * state.scale, "your items"]] });
  $("crossings").replaceChildren(...(crossings.length ? crossings : ["The lines do not cross."]).map((words) => make("li", {}, words)));
}

// --- the table of all ways ---------------------------------------------------------------------
let order = { key: "median", up: true };
function drawTable({ now }) {
  const columns = [["label", "way"], ["median", "time"], ["peak_memory_bytes", "memory"], ["gain", "speed-up"]];
  const shown = ways.filter((way) => (!$("only-config").checked || !way.needs_code) && (!$("only-allowed").checked || (way.allowed && way.tried)) && way.fits)
    .map((way) => ({ ...way, gain: now ? now.median / way.median : 0 }));
  shown.sort((a, b) => (a[order.key] < b[order.key] ? -1 : 1) * (order.up ? 1 : -1));
  const head = columns.map(([key, title]) => make("th", { scope: "col", class: key === "label" ? "left" : null, "aria-sort": order.key === key ? (order.up ? "ascending" : "descending") : "none" },
    make("button", { type: "button", click: () => { order = { key, up: order.key === key ? !order.up : key !== "gain" }; drawTable({ now }); } }, title)));
  const body = shown.map((way) => make("tr", { class: way.roles.length ? "strong" : null },
    make("td", { class: "left" }, way.label, way.roles.length ? make("span", { class: "quiet" }, ` ${way.roles.join(", ")}`) : null),
    make("td", {}, `${seconds(way.median)} (${seconds(way.low)} to ${seconds(way.high)})`), make("td", {}, bytes(way.peak_memory_bytes)),
    make("td", {}, way.gain ? `${ratio(way.gain)}x` : "-")));
  $("ways").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
  const left = ways.length - shown.length, elsewhere = profile.ways.length - ways.length;
  $("ways-note").textContent = [left ? `${left} not shown by the filters.` : "", elsewhere ? `${elsewhere} ways are predicted for the measured point only.` : ""].join(" ");
}

// --- all ---------------------------------------------------------------------------------------
function drawHead() {
  document.title = `${profile.target}: how to run it`;
  $("target").textContent = profile.target;
  $("workload").textContent = profile.workload;
  $("cautions").replaceChildren(...profile.cautions.map((words) => make("p", { class: "warn" }, words)));
  $("sure").replaceChildren(...profile.sure.map((words) => make("li", {}, words)));
  $("whatif-note").textContent = changed() ? "Predicted for the sliders, with the intervals of the measured point." : "As measured.";
}
function drawComparison() {
  if (DATA.profiles.length < 2) return;
  $("compare").hidden = false;
  const picks = ["now", "config", "best"], titles = { now: "now", config: "config only", best: "best" };
  const cell = (p, name) => p.ways.find((way) => way.roles.includes(name));
  $("comparison").replaceChildren(
    make("thead", {}, make("tr", {}, make("th", { class: "left" }, "way"), ...DATA.profiles.map((p, n) => make("th", { scope: "col" },
      make("button", { type: "button", "aria-pressed": String(n === state.profile), click: () => { location.hash = n ? `profile=${n + 1}` : ""; start(); } }, p.title)))))
    , make("tbody", {}, ...picks.map((name) => make("tr", {}, make("th", { scope: "row", class: "left" }, titles[name]),
      ...DATA.profiles.map((p) => { const way = cell(p, name); return make("td", {}, way ? `${seconds(way.predicted_s.median)}  ${way.label}` : "-"); })))));
}
let waiting = false;
function schedule() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}
function draw() {
  const point = evaluate();
  writeFragment();
  drawHead();
  drawCards(point);
  drawTimeline(point);
  drawConcurrency(point);
  drawDurations(point);
  drawTable(point);
  document.body.dataset.drawn = String(1 + Number(document.body.dataset.drawn || 0));
}
function start() {
  readFragment();
  drawComparison();
  drawSliders();
  draw();
}
$("as-measured").addEventListener("click", () => { Object.assign(state, asMeasured()); drawSliders(); draw(); });
$("copy-link").replaceChildren(copyButton("Copy link", () => location.href));
for (const id of ["zoom", "pan"]) $(id).addEventListener("input", schedule);
for (const id of ["only-config", "only-allowed"]) $(id).addEventListener("change", draw);
addEventListener("resize", schedule);
addEventListener("hashchange", start);
start();
