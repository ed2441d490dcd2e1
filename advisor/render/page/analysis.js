// The page of `analyze`: a run's real timeline, where its time went, what to do, and runs over time.
"use strict";

const MOST_ROWS = 40, NAMES = { start: "step starts", work: "your code", store: "load, store", exit: "exit, until the slot is taken", idle: "idle" };
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}\u00a0%`;
let run, steps;

// [lane, op, key, begin, wait, start, load, code, store, exit, failed], in milliseconds: what it did, when.
function stepOf([lane, op, key, begin, wait, start, load, code, store, exit, failed]) {
  const name = run.names[op] + (key ? `[${key}]` : ""), stretches = [];
  let at = begin / 1000;
  const add = (ms, phase) => { if (ms) stretches.push([at, at += ms / 1000, phase]); };
  const work = failed ? "failed" : "work";
  add(start, code || !failed ? "start" : "failed");
  for (const [ms, phase] of [[load, "store"], [code, work], [store, "store"], [exit, "exit"]]) add(ms, phase);
  return { lane, name, begin: begin / 1000, end: at, wait: wait / 1000, stretches, failed, ms: { start, code, moved: load + store, exit } };
}
function readFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  const n = Math.min(DATA.runs.length, Math.max(1, Math.floor(given.get("run")) || 1));
  run = DATA.runs[n - 1];
  steps = run.steps.map(stepOf);
  $("run").value = n;
  $("rows").value = given.get("rows") === "steps" ? "steps" : "slots";
}
function writeFragment() {
  const changed = new URLSearchParams();
  if ($("run").value !== "1") changed.set("run", $("run").value);
  if ($("rows").value !== "slots") changed.set("rows", $("rows").value);
  history.replaceState(null, "", changed.size ? `#${changed}` : location.pathname + location.search);
}

// --- cards -------------------------------------------------------------------------------------
function card(title, figure, words, tone = "") {
  return make("section", { class: "card" }, make("h2", {}, title),
    make("p", { class: `time ${tone}` }, figure), make("p", { class: "quiet" }, words));
}
function drawCards() {
  const predicted = run.predicted_s, worst = DATA.causes[0], cards = [
    card("Run time", seconds(run.makespan_s), run.heading),
    card("Your code", seconds(run.work_s), `summed over all steps: speed-up ${ratio(run.speed_up)}x, efficiency ${percent(run.efficiency)} of ${run.slots} ${run.slots > 1 ? "slots" : "slot"}`),
    card("Steps in parallel", run.working_mean.toFixed(1), `at work on average, of ${run.slots}`),
  ];
  if (predicted) {
    const off = run.makespan_s / predicted.median - 1;
    const inside = run.makespan_s >= predicted.low && run.makespan_s <= predicted.high;
    cards.push(card("Predicted", seconds(predicted.median),
      `90 %: ${seconds(predicted.low)} to ${seconds(predicted.high)}; the run took ${percent(Math.abs(off))} ${off > 0 ? "longer" : "less"}, ${inside ? "inside" : "outside"} the interval`,
      inside ? "good" : "warn"));
  }
  cards.push(worst ? card("Can be saved", worst.gain, `${worst.code} ${worst.often}: see below`, "warn")
    : card("Can be saved", "-", "No problem found.", "good"));
  $("cards").replaceChildren(...cards);
}

// --- the timeline ------------------------------------------------------------------------------
function slotBars() {
  const free = new Map(), bars = [];
  for (const step of [...steps].reverse()) {
    const until = free.get(step.lane) ?? Infinity;
    for (const [from, to, phase] of step.stretches)
      if (from < until) bars.push([step.lane, from, Math.min(to, until), phase]);
    free.set(step.lane, step.begin);
  }
  return bars.sort((a, b) => a[1] - b[1]);
}
// The steps that can be seen where the sliders stand, a row each; not more than a screen holds.
function stepBars() {
  const span = run.makespan_s / 2 ** Number($("zoom").value), from = (run.makespan_s - span) * Number($("pan").value);
  const seen = steps.filter((step) => step.end >= from && step.begin - step.wait <= from + span);
  const bars = seen.slice(0, MOST_ROWS).flatMap(({ begin, wait, stretches }, row) =>
    [...(wait ? [[row, begin - wait, begin, "wait"]] : []), ...stretches.map((each) => [row, ...each])]);
  const more = seen.length > MOST_ROWS ? `: the first ${MOST_ROWS} of ${seen.length} steps that are in sight` : "";
  return [bars, more];
}
function drawTimeline() {
  const single = $("rows").value === "steps", [bars, more] = single ? stepBars() : [slotBars(), ""];
  drawBars("timeline", [{ words: `A row per ${single ? "step" : "slot"}${more}`, bars }], { whole: run.makespan_s, most: single ? MOST_ROWS : MOST_LANES });
  $("parallel").textContent = run.parallel;
  $("cut").textContent = [run.cut, ...run.notes].filter(Boolean).join(" ");
  if ($("steps-details").open) drawSteps();
}
function drawSteps() {
  fillTable("steps", ["step", "slot", "begins", "waited", "start", "your code", "load, store", "exit", "status"],
    steps.map(({ name, lane, begin, wait, ms, failed }) => [name, `${lane + 1}`, ...[begin, wait].map(seconds),
      ...[ms.start, ms.code, ms.moved, ms.exit].map((x) => seconds(x / 1000)), failed ? "failed" : "ended"]));
}

// --- phases, causes, history -------------------------------------------------------------------
function drawPhases() {
  const row = (words, parts) => {
    let at = 0;
    return { words, bars: parts.filter(([, s]) => s > 0).map(([phase, s]) => [0, at, at += s, phase]) };
  };
  const spent = Object.entries(run.slot_time_s), all = spent.reduce((sum, [, s]) => sum + s, 0) || 1;
  const shares = spent.filter(([, s]) => s / all >= 0.001).map(([phase, s]) => `${NAMES[phase]} ${percent(s / all)}`);
  const where = run.slots > 1 ? `All ${run.slots} slots` : "The one slot";
  const ops = run.ops.map(({ name, steps: n, phases }) => row(`${name}: ${n} ${n === 1 ? "step" : "steps"}`,
    Object.keys(NAMES).map((each) => [each, phases.filter(([, phase]) => phase === each).reduce((sum, p) => sum + p[2], 0)])));
  drawBars("phases", [row(`${where}: ${shares.join(", ")}`, spent), ...ops], { fixed: true });
  fillTable("phases-table", ["op", "phase", "median", "10 to 90 %", "all steps"], run.ops.flatMap(({ name, phases }) =>
    phases.map(([phase, , total, median, low, high]) => [name, phase, seconds(median), `${seconds(low)} to ${seconds(high)}`, seconds(total)])));
}
// Text with what stands between backticks as code; a command of ours has a button to copy it.
function withCode(words) {
  return words.split("`").flatMap((part, i) => {
    if (i % 2 === 0) return [part];
    return [make("code", {}, part), ...(part.startsWith("dynadvise ") ? [copyButton("Copy", () => part)] : [])];
  });
}
function drawCauses() {
  $("causes").replaceChildren(...(DATA.causes.length ? DATA.causes.map((cause) => make("section", { class: `cause is-${cause.severity}` },
    make("h3", {}, `${cause.code} ${cause.severity} ${cause.often}`.trim(), ": ", cause.message),
    make("p", {}, make("strong", {}, "What to do: "), ...withCode(cause.remedy)),
    make("p", {}, make("strong", {}, DATA.runs.length > 1 ? "Gain in all runs: " : "Gain: "), cause.gain),
    make("details", {}, make("summary", {}, "Evidence"), make("ul", {}, ...cause.evidence.map((words) => make("li", {}, words)))),
  )) : [make("p", { class: "good" }, "No problem found.")]));
}
function drawHistory() {
  const { drift } = DATA;
  if (!drift || (drift.points.length < 2 && !drift.points[0].predicted_s)) return;
  $("drift").hidden = false;
  const { points } = drift, line = (name, of) => ({ name, points: points.map((p, i) => [i + 1, ...of(p)]).filter((p) => p[1] > 0) });
  const lines = [line("run time", (p) => [p.observed_s]), line("overhead per step", (p) => [p.overhead_s]), line("your code per item", (p) => [p.work_s]),
    line("predicted run time", (p) => (p.predicted_s ? [p.predicted_s.median, p.predicted_s.low, p.predicted_s.high] : [0]))];
  drawLines("history", lines.filter(({ points: some }) => some.length), {
    label: `Times of ${points.length} runs, oldest first. ${drift.sentences.join(" ")}`, even: true, xName: "run",
    xText: (n) => points[n - 1].at, marks: drift.changes.map(([id, what]) => [1 + points.findIndex((p) => p.run_id === id), `${what} changed`]),
    rings: points.flatMap((p, i) => (p.comparable ? [] : [[i + 1, p.observed_s, `${p.run}: failed, or with a retry`]])) });
  $("sentences").replaceChildren(...drift.sentences.map((words) => make("li", {}, words)));
}

// --- all ---------------------------------------------------------------------------------------
let waiting = false;
function schedule() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; drawTimeline(); });
}
function draw() {
  drawCards();
  drawTimeline();
  drawPhases();
  drawHistory();
  document.body.dataset.drawn = String(1 + Number(document.body.dataset.drawn || 0));
}
function start() {
  readFragment();
  draw();
}
$("verdict").textContent = DATA.verdict;
if (DATA.tone) $("verdict").classList.add(DATA.tone);
$("run").replaceChildren(...DATA.runs.map(({ label }, i) => make("option", { value: i + 1 }, label)));
$("choose-run").hidden = DATA.runs.length < 2;
$("notes").replaceChildren(...DATA.notes.map((words) => make("li", {}, words)));
$("copy-link").replaceChildren(copyButton("Copy link", () => location.href));
drawCauses();
for (const id of ["run", "rows"]) $(id).addEventListener("change", () => { writeFragment(); start(); });
for (const id of ["zoom", "pan"]) $(id).addEventListener("input", schedule);
$("steps-details").addEventListener("toggle", drawTimeline);
addEventListener("resize", () => requestAnimationFrame(draw));
addEventListener("hashchange", start);
start();
