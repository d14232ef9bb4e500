// The page: what was chosen, the questions to the server, and what is drawn from its answers.

import { showCell } from "./arithmetic.js";
import { caption, notes } from "./captions.js";
import { layerForm, layerOf, showError } from "./controls.js";
import { cellAt, cellSize, draw, legend, palette, shown, theme } from "./draw.js";

const byId = (id) => document.getElementById(id);
const main = byId("main");
const figures = [...document.querySelectorAll("figure[data-map]")];
const canvases = figures.map((figure) => figure.querySelector("canvas"));
const PLAY_MS = 260; // a cell, when playing
const MAX_PLAYED = 600; // cells of a map that is filled while playing

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
const SILENCE = { field: "input", error: "No answer: is fastconv explore still running?" };
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
    showError(error.wrong ?? SILENCE, active);
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
    maps = answer.maps.map((map, i) => ({
      ...map,
      values: unpacked(map.values),
      padding: answer.maps[i + 1]?.axes ?? [unpadded(map.rows), unpadded(map.columns)],
    }));
    byId("code").textContent = answer.code;
  }
  cell = answer.cell;
  state.at = cell.at;
  redraw();
  if (speaks) say();
  speaks = false;
}

/** The axis of a map that no layer reads. */
function unpadded(size) {
  return { before: 0, after: 0, sources: [...Array(size).keys()], unread: [] };
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
  const [layer, row, column] = cell.at;
  const veiled = guessed?.[layer].has(`${row} ${column}`) === false;
  byId("reveal").hidden = !veiled;
  figures.forEach((figure, i) => { figure.hidden = i >= maps.length; });
  side = cellSize(maps, ...room());
  const palettes = maps.map((map, i) => paletteOf(map, i, colours));
  maps.forEach((map, i) => {
    draw(canvases[i], map, side, colours, palettes[i], marksOf(i));
    legend(figures[i].querySelector(".scale canvas"), map.low, map.high, palettes[i]);
    const here = `row ${row}, column ${column} is ${veiled ? "to be guessed" : shown(cell.result, 6)}`;
    caption(figures[i], map, {
      title: i === 0 ? "Input" : maps.length > 2 ? `Feature map ${i}` : "Feature map",
      relu: i > 0 && state.layers[i - 1]?.relu,
      here: i === layer + 1 ? here : "",
    });
  });
  const where = `output at row ${row}, column ${column}`;
  const name = maps.length > 2 ? `Layer ${layer + 1}: the ${where}` : `The ${where}`;
  showCell(cell, palettes[layer], colours, name, veiled);
  notes(maps, layer);
}

/** The width and the height that a map may take, so that the arithmetic fits below. */
function room() {
  const gaps = parseFloat(getComputedStyle(byId("maps")).columnGap) * (maps.length - 1);
  const tables = state.layers.map(({ kernel }) => (
    kernel[0].length > 4 ? kernel.length * 26 + 65 : kernel.length * 34 // wide ones stand above the sum
  ));
  const height = window.innerHeight - 410 - Math.max(70, ...tables);
  return [(byId("maps").getBoundingClientRect().width - gaps) / maps.length, Math.max(260, height)];
}

/** What is marked on a map: the current output, what it reads, or its receptive field. */
function marksOf(i) {
  const [layer, row, column] = cell.at;
  if (i === layer + 1) return { cell: { row, column }, known: known() };
  if (i > layer) return {};
  if (i < layer) return { reads: cell.reads };
  const { rows, columns, from_rows: fromRows, from_columns: fromColumns } = cell;
  return { window: { rows, columns, fromRows, fromColumns } };
}

/** Which outputs of the current layer are shown, unless all are. */
function known() {
  if (guessed) {
    const [places, { columns }] = [guessed[cell.at[0]], maps[cell.at[0] + 1]];
    return { key: `guessed ${places.size}`, has: (i) => places.has(`${Math.floor(i / columns)} ${i % columns}`) };
  }
  return playing === null ? undefined : { key: `played ${playing}`, has: (i) => i < playing };
}

function paletteOf(map, i, colours) {
  const wanted = byId("colours").value;
  const signed = map.signed || (i === 0 && map.low < 0);
  const kind = wanted !== "auto" ? wanted : signed ? "signed" : state.input.values ? "ink" : "grey";
  const key = `${kind} ${colours.zero}`;
  if (map.key !== key) Object.assign(map, { key, drawn: null });
  return palette(map.low, map.high, kind, colours);
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
  const output = (at, { before, extent, stride }) => Math.round((at + before - (extent - 1) / 2) / stride);
  moveTo(0, output(row, axes[0]), output(column, axes[1]));
}

const FAR = 1e9;
const STEPS = {
  ...{ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] },
  ...{ Home: [0, -FAR], End: [0, FAR], PageUp: [-FAR, 0], PageDown: [FAR, 0] },
};

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
  const layer = i > 0 ? i - 1 : Math.min(state.at[0], maps.length - 2);
  const [row, column] = layer === state.at[0] ? state.at.slice(1) : [0, 0];
  moveTo(layer, row + step[0], column + step[1], true);
}

function reveal() {
  if (!guessed || !cell) return;
  const [layer, row, column] = state.at;
  guessed[layer].add(`${row} ${column}`);
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
  canvas.addEventListener("keydown", press);
}
for (const canvas of canvases.slice(1)) canvas.addEventListener("click", reveal);

// -- playing -------------------------------------------------------------------------------------

let timer = 0;

/** Moves the cell through the map in reading order; small maps are filled on the way. */
function play() {
  const [layer, row, column] = cell.at;
  const { rows, columns } = maps[layer + 1];
  const count = rows * columns;
  byId("play").setAttribute("aria-pressed", "true");
  byId("play").textContent = "Stop";
  let next = (row * columns + column + 1) % count;
  const step = () => {
    if (next >= count) return stop();
    playing = count <= MAX_PLAYED ? next + 1 : Infinity;
    moveTo(layer, Math.floor(next / columns), next % columns);
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

byId("play").addEventListener("click", () => (playing === null ? maps && play() : stop()));

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
    if (file.size > most) {
      const error = `${file.name}: has ${file.size} bytes, allowed are ${most} at most`;
      throw Object.assign(new Error(error), { wrong: { field: "input", error } });
    }
    const { picture } = await post("image", file, null, { "X-File-Name": encodeURIComponent(file.name) });
    sample.append(new Option(file.name, picture, false, true));
    choose({ picture });
  } catch (error) {
    showError(error.wrong ?? SILENCE, active);
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

const offered = [...sample.options].some(({ value }) => value === state.sample);
if (!offered) sample.append(new Option(state.label, state.sample)); // an image that was loaded before
sample.value = state.sample;
if (state.input) showInput();
else sample.dispatchEvent(new Event("change"));
activate(Math.min(state.at[0], state.layers.length - 1));
