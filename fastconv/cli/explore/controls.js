// The form of a layer: from what a layer is to what the form shows, and back.

const byId = (id) => document.getElementById(id);
const SIZES = [1, 2, 3, 4, 5, 6, 7];
const NUMBERS = ["divisor", "bias", "stride", "dilation"];

/** A layer with one of the named kernels. */
export function layerOf(kernel) {
  return {
    name: kernel.name,
    kernel: kernel.weights.map((row) => [...row]),
    divisor: kernel.divisor,
    bias: 0,
    stride: 1,
    dilation: 1,
    padding: "same",
    boundary: "constant",
    relu: true,
    flip: false,
  };
}

/**
 * Prepares the form; `layer()` is the layer that it shows, `changed()` is called after each change.
 * Returns a function that fills the form.
 */
export function layerForm(choices, layer, changed) {
  const named = byId("named");
  const options = choices.kernels.map(({ name }) => new Option(name.replaceAll("_", " "), name));
  named.append(new Option("your own", ""), ...options);
  byId("boundary").append(...Object.keys(choices.borders).map((name) => new Option(name, name)));
  for (const id of ["kernel-rows", "kernel-columns"]) byId(id).append(...SIZES.map((n) => new Option(n, n)));

  const fill = () => fillForm(choices, layer());
  named.addEventListener("change", () => {
    const kernel = choices.kernels.find(({ name }) => name === named.value);
    if (kernel) {
      const { name, kernel: weights, divisor } = layerOf(kernel);
      Object.assign(layer(), { name, kernel: weights, divisor });
    } else layer().name = "";
    fill();
    changed();
  });
  for (const id of ["kernel-rows", "kernel-columns"]) {
    byId(id).addEventListener("change", () => {
      resize(layer(), Number(byId("kernel-rows").value), Number(byId("kernel-columns").value));
      fill();
      changed();
    });
  }
  byId("kernel").addEventListener("input", ({ target }) => {
    layer().kernel[target.dataset.row][target.dataset.column] = number(target);
    layer().name = named.value = "";
    byId("summary").textContent = "";
    changed();
  });
  for (const id of NUMBERS) {
    byId(id).addEventListener("input", ({ target }) => {
      layer()[id] = number(target);
      changed();
    });
  }
  byId("padding").addEventListener("change", ({ target }) => {
    layer().padding = Number(target.value) || target.value;
    fill();
    changed();
  });
  byId("boundary").addEventListener("change", ({ target }) => {
    layer().boundary = target.value;
    fill();
    changed();
  });
  for (const id of ["relu", "flip"]) {
    byId(id).addEventListener("change", ({ target }) => {
      layer()[id] = target.checked;
      changed();
    });
  }
  byId("layer").addEventListener("submit", (event) => event.preventDefault());
  return fill;
}

/** The number in a field, or null where there is none: the server says what is allowed. */
function number(field) {
  return Number.isNaN(field.valueAsNumber) ? null : field.valueAsNumber;
}

/** Grows with zeros, or crops, around the centre. */
function resize(layer, rows, columns) {
  const old = layer.kernel;
  const half = (size) => Math.floor(size / 2);
  const [down, right] = [half(rows) - half(old.length), half(columns) - half(old[0].length)];
  const row = (r) => Array.from({ length: columns }, (_, c) => old[r - down]?.[c - right] ?? 0);
  layer.kernel = Array.from({ length: rows }, (_, r) => row(r));
  layer.name = "";
}

function fillForm(choices, layer) {
  byId("named").value = layer.name;
  byId("summary").textContent = choices.kernels.find(({ name }) => name === layer.name)?.summary ?? "";
  byId("kernel-rows").value = layer.kernel.length;
  byId("kernel-columns").value = layer.kernel[0].length;
  for (const id of NUMBERS) byId(id).value = layer[id] ?? "";
  byId("padding").value = layer.padding;
  byId("boundary").value = layer.boundary;
  const unpadded = layer.padding === "valid";
  byId("boundary").disabled = unpadded;
  const picture = choices.borders[layer.boundary].replaceAll("k", "0");
  byId("picture").textContent = unpadded ? "Without padding, no border is read." : picture;
  byId("relu").checked = layer.relu;
  byId("flip").checked = layer.flip;
  const grid = byId("kernel");
  const columns = layer.kernel[0].length;
  grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, ${columns > 5 ? 46 : 58}px))`;
  grid.replaceChildren(...layer.kernel.flatMap((row, r) => row.map((weight, c) => {
    const field = document.createElement("input");
    Object.assign(field, { type: "number", step: "any", value: weight ?? "" });
    Object.assign(field.dataset, { row: r, column: c });
    field.setAttribute("aria-label", `Weight in row ${r + 1}, column ${c + 1}`);
    field.setAttribute("aria-describedby", "error-kernel");
    return field;
  })));
}

/** Shows a message beside the field that it is about, or removes all messages. */
export function showError(wrong, active) {
  for (const line of document.querySelectorAll(".error[id]")) line.textContent = "";
  for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  if (!wrong) return;
  const [layer, name] = wrong.field?.includes(".") ? wrong.field.split(".") : [null, wrong.field];
  if (layer !== null && Number(layer) !== active) {
    byId("error-layers").textContent = `Layer ${Number(layer) + 1}: ${wrong.error}`;
    return;
  }
  (byId(`error-${name}`) ?? byId("error-layers")).textContent = wrong.error;
  if (name === "kernel") {
    for (const field of byId("kernel").children) {
      if (number(field) === null) field.setAttribute("aria-invalid", "true");
    }
  } else byId(name)?.setAttribute("aria-invalid", "true");
}
