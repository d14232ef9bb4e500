// The arithmetic of one cell: window × kernel = products, their sum, bias and ReLU.

import { css, inkOn, palette, shown } from "./draw.js";

const WRITTEN = 16; // products that are written as a sum

const byId = (id) => document.getElementById(id);

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  made.append(...[content].flat());
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** A number as a term: negative ones in brackets. */
const term = (value) => (value < 0 ? `(${shown(value)})` : shown(value));

/** Coordinates in words: 2 … 4, with the step of a dilated kernel. */
function range(coordinates) {
  const [first, second = first + 1] = coordinates;
  const ends = [first, coordinates.at(-1)].map((at) => shown(at));
  const step = second - first > 1 ? ` in steps of ${second - first}` : "";
  return (coordinates.length > 1 ? ends.join(" … ") : ends[0]) + step;
}

/**
 * Shows a cell as the server describes it; `color` is the palette of the layer's input.
 * `veiled` leaves the products and what follows to be guessed.
 */
export function showCell(cell, color, colours, name, veiled) {
  byId("cell-name").textContent = name;
  const outside = (r, c) => cell.from_rows[r] !== cell.rows[r] || cell.from_columns[c] !== cell.columns[c];
  const most = (grid) => Math.max(...grid.flat().map(Math.abs));
  const signed = (grid) => palette(-most(grid), most(grid), "signed", colours);
  const sign = (text) => element("span", text, { class: "sign", "aria-hidden": "true" });
  byId("tables").replaceChildren(
    table("Window", "window", cell.window, color, outside),
    sign("×"),
    table("Kernel", "weights", cell.weights, signed(cell.weights), () => false, cell.fractions),
    sign("="),
    veiled ? riddle(cell.products) : table("Products", "products", cell.products, signed(cell.products)),
  );
  byId("steps").replaceChildren(...steps(cell).map(([label, how, value], i, all) => {
    const number = veiled ? "?" : shown(value, 6);
    const result = i === all.length - 1 ? element("output", number, { id: "result" }) : number;
    return element("tr", [label, veiled ? "" : how, "=", result].map((content) => element("td", content)));
  }));
  const padded = cell.window.some((row, r) => row.some((_, c) => outside(r, c)));
  byId("window-at").textContent = `It reads rows ${range(cell.rows)} and columns ${range(cell.columns)}.`
    + (padded ? " Dashed cells are padding: they lie beyond the edge." : "");
}

function table(title, name, grid, color, outside = () => false, texts = null) {
  const rows = grid.map((row, r) => element("tr", row.map((value, c) => {
    const cell = element("td", texts ? texts[r][c].replace("-", "−") : shown(value, 3));
    cell.style.background = css(color(value));
    cell.style.color = inkOn(color(value));
    if (outside(r, c)) cell.className = "outside";
    return cell;
  })));
  const size = grid[0].length > 4 ? "small" : "";
  const body = element("table", element("tbody", rows), { class: `${name} ${size}`, "aria-label": title });
  return element("figure", [element("figcaption", title), body]);
}

/** The products of a cell that is to be guessed. */
function riddle(products) {
  const row = () => element("tr", products[0].map(() => element("td", "?")));
  const body = element("table", element("tbody", products.map(row)), { class: "products", "aria-label": "Products" });
  return element("figure", [element("figcaption", "Products"), body]);
}

function steps(cell) {
  const products = cell.products.flat();
  const terms = products.filter((value) => value !== 0);
  const zeros = products.length - terms.length;
  const left = zeros && terms.length ? `, and ${zeros} zero${zeros > 1 ? "s" : ""}` : "";
  const sum = terms.length > WRITTEN ? `of ${products.length} products` : (terms.map(term).join(" + ") || "all products are 0") + left;
  const found = [["Sum", sum, cell.sum]];
  if (cell.bias) found.push(["Bias", `${shown(cell.sum, 6)} + ${term(cell.bias)}`, cell.biased]);
  if (cell.relu) found.push(["ReLU", `max(0, ${shown(cell.biased, 6)})`, cell.result]);
  return found;
}
