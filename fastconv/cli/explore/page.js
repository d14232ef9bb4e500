// The page: what was chosen, the questions to the server, and what is drawn from its answers.

import { showCell } from "./arithmetic.js";
import { layerForm, layerOf, showError } from "./controls.js";
import { cellAt, cellSize, draw, legend, palette, shown, theme } from "./draw.js";

const byId = (id) => document.getElementById(id);
const main = byId("main");
const figures = [...document.querySelectorAll("figure[data-map]")];
const canvases = figures.map((figure) => figure.querySelector("canvas"));
const PLAY_MS = 260; // a cell, when playing
const MAX_PLAYED = 600; // cells of a map that is filled while playing
const NONE = { before: 0, after: 0, unread: [] }; // padding

const choices = await (await fetch("choices")).json();
const kernel = (name) => choices.kernels.find((each) => each.name === name);

const state = {
  input: null, // {values} or {picture}
  layers: [layerOf(kernel("line_vertical"))],
  backend: choices.backend,
  at: [0, 1, 4], // layer, row, column of the current output
  sample: "a 1", // the option that is chosen, and how it is called
  label: "",
};
const KEPT = "fastconv explore"; // in the tab, so that the page can be reloaded
Object.assign(state, JSON.parse(sessionStorage.getItem(KEPT)));
let active = 0; // the layer that the form shows
let maps = null; // the input and the feature map of each layer
let cell = null; // the arithmetic of the current output
let side = 1; // of a cell of the maps, in pixels
let speaks = false; // whether a screen reader shall read the next cell
let playing = null; // how many outputs are shown, while playing
let guessed = null; // the outputs that have been revealed in each layer, while they are guessed first

// -- questions -----------------------------------------------------------------------------------

const page = crypto.randomUUID();
let serial = 0;
let needsMaps = true; // until an answer has brought them
let scheduled = false;
let sent = new AbortController();

/** Asks for the arithmetic of the current cell and, if anything else changed, for the maps. */
function ask(changed) {
  needsMaps ||= changed;
  if (changed) guess();
  sessionStorage.setItem(KEPT, JSON.stringify(state));
  main.setAttribute("aria-busy", "true");
  if (!scheduled) requestAnimationFrame(send);
  scheduled = true;
}

async function send() {
  scheduled = false;
  sent.abort(); // the newest question wins
  sent = new AbortController();
  const number = ++serial;
  const question = { ...state, maps: needsMaps, page, serial };
  try {
    const answer = await post("compute", JSON.stringify(question), sent.signal);
    if (number !== serial) return;
    needsMaps &&= !answer.maps;
    showError(null);
    show(answer);
  } catch (error) {
    if (number !== serial || error.name === "AbortError") return;
    showError(error.wrong ?? { field: "input", error: "No answer: is fastconv explore still running?" }, active);
    main.classList.add("stale");
    stop();
  }
  if (!scheduled) main.setAttribute("aria-busy", "false");
}

async function post(path, body, signal, headers = {}) {
  const response = await fetch(path, { method: "POST", body, signal, headers });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.error), { wrong: answer });
  return answer;
}

// -- answers -------------------------------------------------------------------------------------

function show(answer) {
  main.classList.remove("stale");
  if (answer.maps) {
    maps = answer.maps.map((map, i, all) => ({ ...map, values: unpacked(map.values), padding: all[i + 1]?.axes ?? [NONE, NONE].map((axis, d) => ({ ...axis, sources: [...Array(d ? map.columns : map.rows).keys()] })) }));
    byId("code").textContent = answer.code;
  }
  cell = answer.cell;
  state.at = cell.at;
  redraw();
  if (speaks) say();
  speaks = false;
}

function say() {
  const result = byId("result").textContent.replace("?", "to be guessed");
  byId("said").textContent = `${byId("cell-name").textContent} is ${result}`;
}

function unpacked(text) {
  return new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

/** Draws everything from the last answers. */
function redraw() {
  if (!maps) return;
  const colours = theme();
  const room = byId("maps").getBoundingClientRect().width;
  const gap = parseFloat(getComputedStyle(byId("maps")).columnGap);
  figures.forEach((figure, i) => { figure.hidden = i >= maps.length; });
  side = cellSize(maps, (room - gap * (maps.length - 1)) / maps.length, Math.max(260, window.innerHeight - 410 - arithmeticHeight()));
  const palettes = maps.map((map, i) => paletteOf(map, i, colours));
  const [layer, row, column] = cell.at;
  const veiled = guessed?.[layer].has(row * maps[layer + 1].columns + column) === false;
  byId("reveal").hidden = !veiled;
  maps.forEach((map, i) => {
    const marks = {};
    if (i === layer + 1) Object.assign(marks, { cell: { row, column }, known: known() });
    if (i === layer) marks.window = { rows: cell.rows, columns: cell.columns, fromRows: cell.from_rows, fromColumns: cell.from_columns };
    if (i < layer) marks.reads = cell.reads;
    draw(canvases[i], map, side, colours, palettes[i], marks);
    describe(map, i);
    legend(figures[i].querySelector(".scale canvas"), map.low, map.high, palettes[i]);
    const ends = figures[i].querySelectorAll(".scale i");
    [map.low, map.high].forEach((value, end) => { ends[end].textContent = shown(value); });
  });
  const where = `row ${row}, column ${column}`;
  const name = maps.length > 2 ? `Layer ${layer + 1}: the output at ${where}` : `The output at ${where}`;
  showCell(cell, palettes[layer], colours, name, veiled);
  notes();
}

/** Which outputs of the current layer are shown, unless all are. */
function known() {
  if (guessed) {
    const places = guessed[cell.at[0]];
    return { key: `guessed ${places.size}`, has: (i) => places.has(i) };
  }
  return playing === null ? undefined : { key: `played ${playing}`, has: (i) => i < playing };
}

/** Of the tables, so that they fit below the maps. */
function arithmeticHeight() {
  const tall = Math.max(...state.layers.map(({ kernel }) => kernel.length * (kernel[0].length > 5 ? 26 : 34)));
  return Math.max(tall, 70);
}

function paletteOf(map, i, colours) {
  const wanted = byId("colours").value;
  const signed = map.signed || (i === 0 && map.low < 0);
  const kind = wanted !== "auto" ? wanted : signed ? "signed" : state.input.values ? "ink" : "grey";
  const key = `${kind} ${colours.zero}`;
  if (map.key !== key) Object.assign(map, { key, drawn: null });
  return palette(map.low, map.high, kind, colours);
}

function describe(map, i) {
  const relu = state.layers[i - 1]?.relu ? " · ReLU" : "";
  figures[i].querySelector(".shape").textContent = `${map.rows} × ${map.columns}${relu}`;
  figures[i].querySelector("b").textContent = i === 0 ? "Input" : maps.length > 2 ? `Feature map ${i}` : "Feature map";
  const [layer, row, column] = cell.at;
  const here = layer === i - 1 && byId("reveal").hidden ? `; row ${row}, column ${column} is ${shown(cell.result, 6)}` : "";
  canvases[i].setAttribute("aria-label", `${i === 0 ? "Input" : `Feature map ${i}`}, ${map.rows} rows and ${map.columns} columns${here}`);
}

/** Why the map has its size, what a stride leaves out, and who computed the maps. */
function notes() {
  const axes = maps[cell.at[0]].padding;
  const sizes = axes.map((axis, d) => {
    const padded = [axis.sources.length - axis.before - axis.after, axis.before, axis.after].map((n, i) => (i && !n ? "" : n)).filter((n) => n !== "");
    const outputs = maps[cell.at[0] + 1][d ? "columns" : "rows"];
    return `(${padded.join(" + ")} − ${axis.extent}) ÷ ${axis.stride} + 1 = ${outputs}${axis.left_over ? ", rounded down" : ""}.`;
  });
  const size = sizes[0] === sizes[1] ? `Rows and columns: ${sizes[0]}` : `Rows: ${sizes[0]} Columns: ${sizes[1]}`;
  const [rows, columns] = axes.map((axis) => axis.unread.length);
  const parts = [[rows, "row"], [columns, "column"]].filter(([count]) => count).map(([count, name]) => `${count} ${name}${count > 1 ? "s" : ""}`);
  const unread = parts.length ? `${parts.join(" and ")} of its input ${rows + columns > 1 ? "are" : "is"} never read (faded). ` : "";
  byId("notes").textContent = `${size} ${unread}`;
  const plans = maps.slice(1).map((map) => `${map.plan}, ${shown(map.seconds * 1000, 2)} ms`);
  byId("plans").textContent = `Computed by ${plans.join("; ")}.`;
}

// -- the current cell ----------------------------------------------------------------------------

function moveTo(layer, row, column, speak = false) {
  const map = maps[layer + 1];
  const at = [layer, clamped(row, map.rows), clamped(column, map.columns)];
  if (at.every((value, i) => value === state.at[i])) return;
  state.at = at;
  speaks = speak;
  ask(false);
}

const clamped = (value, size) => Math.min(Math.max(value, 0), size - 1);

function point(event) {
  if (!maps) return;
  const i = canvases.indexOf(event.currentTarget);
  const box = event.currentTarget.getBoundingClientRect();
  const { row, column } = cellAt(maps[i], side, event.clientX - box.left, event.clientY - box.top);
  if (i === 0 && byId("draw").checked) {
    if (event.buttons & 1) paint(row, column);
    return;
  }
  stop();
  if (i > 0) return moveTo(i - 1, row, column);
  const axes = maps[0].padding; // the output whose window is centred there
  moveTo(0, ...[row, column].map((at, d) => Math.round((at + axes[d].before - (axes[d].extent - 1) / 2) / axes[d].stride)));
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -1e9], End: [0, 1e9], PageUp: [-1e9, 0], PageDown: [1e9, 0] };

function press(event) {
  if (!maps || event.ctrlKey || event.altKey || event.metaKey) return;
  const i = canvases.indexOf(event.currentTarget);
  if (event.key === " ") {
    event.preventDefault();
    return playing === null ? play() : stop();
  }
  if (event.key === "Enter") return reveal();
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  stop();
  const layer = i > 0 ? i - 1 : state.at[0];
  const [row, column] = layer === state.at[0] ? state.at.slice(1) : [0, 0];
  moveTo(layer, row + step[0], column + step[1], true);
}

function reveal() {
  if (!guessed || !cell) return;
  const [layer, row, column] = state.at;
  guessed[layer].add(row * maps[layer + 1].columns + column);
  if (String(state.at) !== String(cell.at)) return; // its answer will be shown
  redraw();
  say();
}

/** Forgets what has been revealed; `on` says whether results are guessed first. */
function guess(on = guessed !== null) {
  guessed = on ? [new Set(), new Set()] : null;
}

byId("reveal").addEventListener("click", () => {
  reveal();
  canvases[cell.at[0] + 1].focus();
});
byId("guess").addEventListener("change", ({ target }) => {
  guess(target.checked);
  redraw();
});

for (const canvas of canvases) {
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("click", reveal);
  canvas.addEventListener("keydown", press);
}

// -- playing -------------------------------------------------------------------------------------

let timer = 0;

/** Moves the cell through the map in reading order; small maps are filled on the way. */
function play() {
  const map = maps[state.at[0] + 1];
  const count = map.rows * map.columns;
  byId("play").setAttribute("aria-pressed", "true");
  byId("play").textContent = "Stop";
  let next = state.at[1] * map.columns + state.at[2] + 1;
  if (next >= count) next = 0;
  const step = () => {
    if (next >= count) return stop();
    playing = count <= MAX_PLAYED ? next + 1 : Infinity;
    moveTo(state.at[0], Math.floor(next / map.columns), next % map.columns);
    next += 1;
    timer = setTimeout(step, PLAY_MS);
  };
  step();
}

function stop() {
  if (playing === null) return;
  clearTimeout(timer);
  playing = null;
  byId("play").setAttribute("aria-pressed", "false");
  byId("play").textContent = "Play";
  redraw();
}

byId("play").addEventListener("click", () => (playing === null ? play() : stop()));

// -- the input -----------------------------------------------------------------------------------

function choose(input) {
  stop();
  Object.assign(state, { input, sample: sample.value, label: sample.selectedOptions[0].text });
  state.at = [active, ...(input.values ? [1, 4] : [62, 118])];
  showInput();
  ask(true);
}

function showInput() {
  const { values } = state.input;
  byId("numbers").hidden = byId("draw").parentElement.hidden = !values;
  if (values) {
    byId("values").value = values.map((row) => row.join(" ")).join("\n");
    byId("ink").value = Math.max(...values.flat(), 1);
  }
}

function paint(row, column) {
  const values = state.input.values;
  const ink = byId("ink").valueAsNumber;
  if (values[row]?.[column] === undefined || values[row][column] === ink) return;
  values[row][column] = Number.isNaN(ink) ? null : ink;
  byId("values").value = values.map((line) => line.join(" ")).join("\n");
  ask(true);
}

byId("values").addEventListener("input", ({ target }) => {
  const lines = target.value.split(/[\n;]+/).filter((line) => line.trim());
  const values = lines.map((line) => line.trim().split(/[\s,]+/).map((word) => {
    const value = Number(word.replace("−", "-"));
    return Number.isNaN(value) ? word : value;
  }));
  state.input = { values };
  ask(true);
});

const sample = byId("sample");
const groups = { Numbers: Object.keys(choices.grids), Photograph: choices.photographs };
for (const [label, names] of Object.entries(groups)) {
  if (!names.length) continue;
  const group = document.createElement("optgroup");
  group.label = label;
  group.append(...names.map((name) => new Option(name, name)));
  sample.append(group);
}
sample.addEventListener("change", () => {
  const grid = choices.grids[sample.value];
  choose(grid ? { values: grid.map((row) => [...row]) } : { picture: sample.value });
});

byId("file").addEventListener("change", async ({ target }) => {
  const file = target.files[0];
  target.value = "";
  if (!file) return;
  const most = choices.limits.image_bytes;
  main.setAttribute("aria-busy", "true");
  try {
    if (file.size > most) throw Object.assign(new Error(), { wrong: { field: "input", error: `${file.name}: has ${file.size} bytes, allowed are ${most} at most` } });
    const { picture } = await post("image", file, null, { "X-File-Name": encodeURIComponent(file.name) });
    sample.append(new Option(file.name, picture, false, true));
    choose({ picture });
  } catch (error) {
    showError(error.wrong ?? { field: "input", error: "No answer: is fastconv explore still running?" }, active);
    main.setAttribute("aria-busy", "false");
  }
});

// -- layers --------------------------------------------------------------------------------------

const fill = layerForm(choices, () => state.layers[active], () => {
  stop();
  ask(true);
});
const tabs = [byId("tab-0"), byId("tab-1")];

function activate(layer) {
  stop();
  const added = layer === state.layers.length;
  if (added) state.layers.push({ ...layerOf(kernel("line_vertical")), padding: "valid" });
  active = layer;
  tabs.forEach((tab, i) => {
    tab.setAttribute("aria-selected", i === active);
    tab.tabIndex = i === active ? 0 : -1;
  });
  tabs[1].textContent = state.layers.length > 1 ? "Layer 2" : "+ Layer 2";
  byId("layer").setAttribute("aria-labelledby", tabs[active].id);
  byId("remove").hidden = active === 0;
  fill();
  if (state.at[0] !== active) state.at = [active, 0, 0];
  ask(true);
}

tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => activate(i));
  tab.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowRight" || key === "ArrowLeft") tabs[1 - i].focus();
  });
});
byId("remove").addEventListener("click", () => {
  state.layers.length = 1;
  activate(0);
  tabs[0].focus();
});

// -- the rest ------------------------------------------------------------------------------------

const backend = byId("backend");
for (const [name, missing] of Object.entries(choices.backends)) {
  backend.append(new Option(missing ? `${name} (missing)` : name, name));
}
backend.value = state.backend;
backend.addEventListener("change", () => {
  state.backend = backend.value;
  ask(true);
});

byId("draw").addEventListener("change", ({ target }) => canvases[0].classList.toggle("drawn-on", target.checked));
byId("colours").addEventListener("change", redraw);
byId("copy").addEventListener("click", async ({ target }) => {
  await navigator.clipboard.writeText(byId("code").textContent);
  target.textContent = "Copied";
  setTimeout(() => { target.textContent = "Copy"; }, 1500);
});
new ResizeObserver(redraw).observe(byId("maps"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

if (![...sample.options].some(({ value }) => value === state.sample)) sample.append(new Option(state.label, state.sample));
sample.value = state.sample;
if (state.input) showInput();
else sample.dispatchEvent(new Event("change"));
activate(Math.min(state.at[0], state.layers.length - 1));
