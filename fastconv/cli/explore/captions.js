// What is written about the maps: their sizes, what a stride leaves out, who computed them.

import { shown } from "./draw.js";

const byId = (id) => document.getElementById(id);

/** The caption of a map, its legend, and what a screen reader says about it. */
export function caption(figure, map, { title, relu, here }) {
  figure.querySelector("b").textContent = title;
  figure.querySelector(".shape").textContent = `${map.rows} × ${map.columns}${relu ? " · ReLU" : ""}`;
  const label = `${title}, ${map.rows} rows and ${map.columns} columns`;
  figure.querySelector("canvas").setAttribute("aria-label", here ? `${label}; ${here}` : label);
  const ends = figure.querySelectorAll(".scale i");
  [map.low, map.high].forEach((value, i) => { ends[i].textContent = shown(value); });
}

/** Writes below the maps why the map of a layer has its size, and who computed all of them. */
export function notes(maps, layer) {
  const axes = maps[layer].padding;
  const [rows, columns] = axes.map((axis, d) => size(axis, maps[layer + 1][d ? "columns" : "rows"]));
  const sizes = rows === columns ? `Rows and columns: ${rows}` : `Rows: ${rows} Columns: ${columns}`;
  byId("notes").textContent = sizes + unread(axes.map((axis) => axis.unread.length));
  const plans = maps.slice(1).map((map) => `${map.plan}, ${shown(map.seconds * 1000, 2)} ms`);
  byId("plans").textContent = `Computed by ${plans.join("; ")}.`;
}

/** The formula of the number of outputs along an axis. */
function size({ sources, before, after, extent, stride, left_over }, outputs) {
  const padded = [sources.length - before - after, ...[before, after].filter((count) => count)];
  return `(${padded.join(" + ")} − ${extent}) ÷ ${stride} + 1 = ${outputs}${left_over ? ", rounded down" : ""}.`;
}

function unread(counts) {
  const parts = counts.map((count, d) => [count, d ? "column" : "row"]).filter(([count]) => count)
    .map(([count, name]) => `${count} ${name}${count > 1 ? "s" : ""}`);
  if (!parts.length) return "";
  return ` ${parts.join(" and ")} of its input ${counts[0] + counts[1] > 1 ? "are" : "is"} never read (faded).`;
}
