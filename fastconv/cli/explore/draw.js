// Draws maps on canvases: cells in colours, numbers where they fit, padding, and what is marked.

const MAX_CELL = 46; // pixels of a cell's side
const MARGIN = 3; // pixels around a map, for frames
const NUMBERS = 12; // the smallest cell that holds a number
const NUMBERED_PADDING = 17; // the same in the padding
const MAGNIFIED = 9; // cells below this are shown in a magnifying glass, too
const MAX_ARROWS = 6; // from samples to the padding that repeats them
const GLASS = 130; // the side of that
const SMOOTH = 3; // cells below this are drawn as a photograph

const ALL = { key: "all", has: () => true };

/** A number as people write it, in at most `digits` significant digits. */
export function shown(value, digits = 4) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−");
}

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

/** The colours of the page's scheme, light or dark. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const hex = (name) => style.getPropertyValue(`--${name}`).trim();
  const names = ["negative", "zero", "positive", "dark", "light", "ink"];
  return {
    ...Object.fromEntries(names.map((name) => [name, rgb(hex(name))])),
    ...Object.fromEntries(["accent", "hatch", "panel", "text", "line"].map((name) => [name, hex(name)])),
  };
}

const mixed = (a, b, t) => a.map((value, i) => Math.round(value + (b[i] - value) * t));

/**
 * From a value to [r, g, b].  `kind` is "grey" or "ink" (on paper), from low to high, or "signed",
 * from blue through zero to orange.
 */
export function palette(low, high, kind, colours) {
  if (kind === "signed") {
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return (value) => {
      const t = Math.min(Math.abs(value) / most, 1);
      return mixed(colours.zero, value < 0 ? colours.negative : colours.positive, 0.35 * Math.sqrt(t) + 0.65 * t);
    };
  }
  const [from, to] = kind === "grey" ? [colours.dark, colours.light] : [colours.zero, colours.ink];
  const span = high - low;
  return (value) => mixed(from, to, span ? Math.min(Math.max((value - low) / span, 0), 1) : 0);
}

/** Black or white, whichever can be read on a colour. */
export function inkOn([r, g, b]) {
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#16181d" : "#ffffff";
}

export const css = (color) => `rgb(${color.join(",")})`;

/** The side of a cell, so that all maps fit beside each other and have cells of one size. */
export function cellSize(maps, width, height) {
  const [right, bottom] = [width - 2 * MARGIN, height - 2 * MARGIN];
  const fits = maps.map(full).map(({ rows, columns }) => Math.min(right / columns, bottom / rows));
  const side = Math.min(MAX_CELL, ...fits);
  return side >= 4 ? Math.floor(side) : side;
}

/** Rows and columns with the padding. */
function full(map) {
  const [rows, columns] = map.padding;
  return { rows: map.rows + rows.before + rows.after, columns: map.columns + columns.before + columns.after };
}

/** The cell of a map that a point of its canvas lies on; outside of the map, it lies on padding. */
export function cellAt(map, side, x, y) {
  const [rows, columns] = map.padding;
  const [row, column] = [y, x].map((at) => Math.floor((at - MARGIN) / side));
  return { row: row - rows.before, column: column - columns.before };
}

/**
 * Draws a map.
 * `marks`: {window: {rows, columns, fromRows, fromColumns}} the footprint, by coordinates,
 * {cell: {row, column}} the current output, {reads: [rows, columns]} the receptive field,
 * {known} which outputs are shown, as {key, has(index)}; all of them, if it is missing.
 */
export function draw(canvas, map, side, colours, color, marks) {
  const [rows, columns] = map.padding;
  const { rows: height, columns: width } = full(map);
  const ratio = window.devicePixelRatio || 1;
  const [x, y] = [width * side + 2 * MARGIN, height * side + 2 * MARGIN];
  Object.assign(canvas.style, { width: `${x}px`, height: `${y}px` });
  Object.assign(canvas, { width: Math.round(x * ratio), height: Math.round(y * ratio) });
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.translate(MARGIN + columns.before * side, MARGIN + rows.before * side);
  const all = { pen, map, side, colours, color };
  image(all, marks.known ?? ALL);
  if (side >= NUMBERS) numbers(all, marks.known ?? ALL);
  if (marks.reads) receptive(all, marks.reads);
  if (marks.window) footprint(all, marks.window);
  if (marks.cell) framed(all, marks.cell.row, marks.cell.column, 1, 1);
}

/** Where a padded coordinate gets its value from: an index, or null for the constant. */
function source(axis, i) {
  return axis.sources[i + axis.before];
}

/** The value at any coordinate, padding included. */
function valueAt(map, row, column) {
  const [r, c] = [source(map.padding[0], row), source(map.padding[1], column)];
  return r === null || c === null ? 0 : map.values[r * map.columns + c];
}

function image({ pen, map, side, colours, color }, known) {
  const [rows, columns] = map.padding;
  const { rows: height, columns: width } = full(map);
  if (map.drawn?.key !== known.key) map.drawn = { key: known.key, canvas: pixels(map, color, known) };
  pen.imageSmoothingEnabled = side < SMOOTH;
  pen.imageSmoothingQuality = "high";
  const at = [-columns.before * side, -rows.before * side, width * side, height * side];
  pen.drawImage(map.drawn.canvas, ...at);
  hatch(pen, map, side, colours, at);
  fade(pen, map, side, colours);
  pen.lineWidth = 1;
  if (side >= 8) {
    pen.strokeStyle = colours.hatch;
    pen.globalAlpha = 0.45;
    pen.beginPath();
    for (let r = -rows.before; r <= map.rows + rows.after; r++) line(pen, at[0], r * side, at[0] + at[2], r * side);
    for (let c = -columns.before; c <= map.columns + columns.after; c++) line(pen, c * side, at[1], c * side, at[1] + at[3]);
    pen.stroke();
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = colours.text;
  pen.lineWidth = 1.5;
  pen.strokeRect(0.75, 0.75, map.columns * side - 1.5, map.rows * side - 1.5);
}

/** Strokes over the padding, so that it is not taken for a part of the map. */
function hatch(pen, map, side, colours, [left, top, width, height]) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, height);
  pen.rect(0, 0, map.columns * side, map.rows * side);
  pen.clip("evenodd");
  pen.strokeStyle = colours.hatch;
  pen.globalAlpha = 0.4;
  pen.lineWidth = 1;
  pen.beginPath();
  for (let x = -height; x < width; x += 6) line(pen, left + x, top + height, left + x + height, top);
  pen.stroke();
  pen.restore();
}

/** Fades the samples that the stride leaves out. */
function fade(pen, map, side, colours) {
  const [rows, columns] = map.padding;
  pen.fillStyle = colours.panel;
  pen.globalAlpha = 0.6;
  for (const row of rows.unread) pen.fillRect(0, row * side, map.columns * side, side);
  for (const column of columns.unread) pen.fillRect(column * side, 0, side, map.rows * side);
  pen.globalAlpha = 1;
}

/** The map with its padding, one pixel a cell; padding is see-through, and so is what is not yet known. */
function pixels(map, color, known) {
  const [rows, columns] = map.padding;
  const { rows: height, columns: width } = full(map);
  const picture = new ImageData(width, height);
  let at = 0;
  for (let row = -rows.before; row < map.rows + rows.after; row++) {
    for (let column = -columns.before; column < map.columns + columns.after; column++) {
      const inside = row >= 0 && row < map.rows && column >= 0 && column < map.columns;
      [picture.data[at], picture.data[at + 1], picture.data[at + 2]] = color(valueAt(map, row, column));
      picture.data[at + 3] = !inside ? 120 : known.has(row * map.columns + column) ? 255 : 0;
      at += 4;
    }
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

function line(pen, x1, y1, x2, y2) {
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
}

function numbers({ pen, map, side, colours, color }, known) {
  const [rows, columns] = map.padding;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (let row = -rows.before; row < map.rows + rows.after; row++) {
    for (let column = -columns.before; column < map.columns + columns.after; column++) {
      const inside = row >= 0 && row < map.rows && column >= 0 && column < map.columns;
      if (inside ? !known.has(row * map.columns + column) : side < NUMBERED_PADDING) continue;
      const value = valueAt(map, row, column);
      const read = inside && !rows.unread.includes(row) && !columns.unread.includes(column);
      pen.fillStyle = read ? inkOn(color(value)) : colours.text;
      pen.globalAlpha = read ? 1 : 0.75;
      const style = inside ? "" : "italic ";
      for (const digits of [4, 3, 2, 1]) {
        const text = shown(value, digits);
        const sizes = [Math.min(Math.max(side * 0.44, 9), 15), Math.max(side * 0.33, 8)];
        const size = sizes.find((pixels) => {
          pen.font = `${style}${Math.round(pixels)}px system-ui, sans-serif`;
          return pen.measureText(text).width <= side - 2;
        });
        if (size) {
          pen.fillText(text, (column + 0.5) * side, (row + 0.53) * side);
          break;
        }
      }
      pen.globalAlpha = 1;
    }
  }
}

/** A frame around cells, in the accent colour with an edge that stands out on any colour. */
function frame({ pen, side, colours }, row, column, height, width) {
  const grow = Math.max(0, (10 - Math.min(height, width) * side) / 2);
  const box = [column * side - grow, row * side - grow, width * side + 2 * grow, height * side + 2 * grow];
  pen.lineJoin = "round";
  pen.strokeStyle = colours.panel;
  pen.lineWidth = 6;
  pen.strokeRect(...box);
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 3;
  pen.strokeRect(...box);
}

/** A frame and, where cells are small, a magnifying glass in a corner away from it. */
function framed(all, row, column, height, width) {
  frame(all, row, column, height, width);
  const { pen, map, side, colours } = all;
  const [rows, columns] = map.padding;
  if (side >= MAGNIFIED || map.rows * side < 2 * GLASS) return;
  const count = Math.max(height, width) + 8;
  const zoom = GLASS / count;
  const [top, left] = [row + height / 2 - count / 2, column + width / 2 - count / 2].map(Math.floor);
  const x = column + width / 2 > map.columns / 2 ? 6 : map.columns * side - GLASS - 6;
  const y = row + height / 2 > map.rows / 2 ? 6 : map.rows * side - GLASS - 6;
  pen.save();
  pen.translate(x, y);
  pen.beginPath();
  pen.roundRect(0, 0, GLASS, GLASS, 8);
  pen.fillStyle = colours.panel;
  pen.fill();
  pen.lineWidth = 5;
  pen.strokeStyle = colours.panel;
  pen.stroke();
  pen.lineWidth = 2;
  pen.strokeStyle = colours.accent;
  pen.stroke();
  pen.clip();
  pen.imageSmoothingEnabled = false;
  pen.drawImage(map.drawn.canvas, left + columns.before, top + rows.before, count, count, 0, 0, GLASS, GLASS);
  frame({ ...all, side: zoom }, row - top, column - left, height, width);
  pen.restore();
}

function footprint(all, { rows, columns, fromRows, fromColumns }) {
  const { pen, map, side, colours } = all;
  const [top, left] = [rows[0], columns[0]];
  const [bottom, right] = [rows.at(-1), columns.at(-1)];
  if (side >= 6 && (rows[1] - top > 1 || columns[1] - left > 1)) {
    pen.strokeStyle = colours.accent; // dilated: each tap by itself
    pen.lineWidth = 2;
    for (const row of rows) for (const column of columns) pen.strokeRect(column * side + 2, row * side + 2, side - 4, side - 4);
  }
  framed(all, top, left, bottom - top + 1, right - left + 1);
  if (side < 10) return;
  const copies = [];
  rows.forEach((row, r) => {
    columns.forEach((column, c) => {
      const [fromRow, fromColumn] = [fromRows[r], fromColumns[c]];
      const moved = row !== fromRow || column !== fromColumn;
      if (moved && fromRow !== null && fromColumn !== null) copies.push([fromRow, fromColumn, row, column]);
    });
  });
  pen.fillStyle = colours.accent;
  pen.globalAlpha = 0.25;
  for (const place of new Set(copies.map(([row, column]) => `${row} ${column}`))) {
    const [row, column] = place.split(" ");
    pen.fillRect(column * side, row * side, side, side);
  }
  pen.globalAlpha = 1;
  if (copies.length > MAX_ARROWS) return;
  for (const places of copies) {
    const [fromRow, fromColumn, row, column] = places.map((place) => (place + 0.5) * side);
    arrow(pen, colours, fromColumn, fromRow, column, row);
  }
}

/** From the sample that a border repeats to the place where it stands. */
function arrow(pen, colours, x1, y1, x2, y2) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const bend = 0.18;
  const [mx, my] = [(x1 + x2) / 2 - dy * bend, (y1 + y2) / 2 + dx * bend];
  pen.strokeStyle = pen.fillStyle = colours.accent;
  pen.globalAlpha = 0.8;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.quadraticCurveTo(mx, my, x2, y2);
  pen.stroke();
  pen.beginPath();
  pen.arc(x1, y1, 3, 0, 7);
  pen.fill();
  const angle = Math.atan2(y2 - my, x2 - mx);
  pen.beginPath();
  pen.moveTo(x2, y2);
  for (const turn of [2.6, -2.6]) pen.lineTo(x2 + 7 * Math.cos(angle + turn), y2 + 7 * Math.sin(angle + turn));
  pen.fill();
  pen.globalAlpha = 1;
}

/** The samples that an output of the second layer depends on. */
function receptive(all, [rows, columns]) {
  if (!rows.length || !columns.length) return;
  const { pen, side, colours } = all;
  pen.fillStyle = colours.accent;
  pen.globalAlpha = 0.28;
  for (const row of rows) for (const column of columns) pen.fillRect(column * side, row * side, side, side);
  pen.globalAlpha = 1;
  if (rows.at(-1) - rows[0] === rows.length - 1 && columns.at(-1) - columns[0] === columns.length - 1) {
    framed(all, rows[0], columns[0], rows.length, columns.length);
  }
}

/** The legend of a map: its colours from low to high. */
export function legend(canvas, low, high, color) {
  canvas.width = 90;
  canvas.height = 1;
  const pen = canvas.getContext("2d");
  for (let x = 0; x < 90; x++) {
    pen.fillStyle = css(color(low + ((high - low) * x) / 89));
    pen.fillRect(x, 0, 1, 1);
  }
}
