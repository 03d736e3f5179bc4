// The map: one small picture a head to choose from, and the chosen head as a grid for mouse, keys and readers.

// One hue from paper to ink: lightness alone carries the value.
const SHADES = ["#f6f8fa", "#d5e4ef", "#9fc3da", "#5a94bb", "#2a628f", "#123a5f", "#0a1f38"];
const CHANNELS = SHADES.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));

export function shade(score) {
  const place = (score / 127) * (SHADES.length - 1);
  const low = Math.min(Math.floor(place), SHADES.length - 2);
  return CHANNELS[low].map((from, i) => Math.round(from + (CHANNELS[low + 1][i] - from) * (place - low)));
}

// Relative luminance as WCAG defines it; from 0.179 on black is easier to read than white.
function luminance(channels) {
  const linear = channels.map((c) => (c <= 10 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

export class InhibitionMap {
  // onPair(layer, head, i, j) is called for the square that is pointed at or moved to.
  constructor(heads, title, grid, onPair) {
    this.heads = heads;
    this.title = title;
    this.grid = grid;
    this.onPair = onPair;
    grid.addEventListener("mouseover", (event) => this.#point(event.target));
    grid.addEventListener("focusin", (event) => this.#point(event.target));
    grid.addEventListener("click", (event) => event.target.closest("td")?.focus());
    grid.addEventListener("keydown", (event) => this.#move(event));
    heads.addEventListener("keydown", (event) => this.#choose(event));
  }

  show(pieces, tensors, layers, headCount) {
    this.pieces = pieces;
    this.tensors = tensors;
    this.heads.replaceChildren();
    for (let layer = 0; layer < layers; layer++) {
      const line = document.createElement("div");
      line.className = "layer";
      const title = document.createElement("span");
      title.textContent = `Layer ${layer + 1}`;
      line.append(title, ...Array.from({ length: headCount }, (_, head) => this.#thumbnail(layer, head)));
      this.heads.append(line);
    }
    this.select(0, 0);
  }

  score(layer, head, i, j) {
    const n = this.pieces.length;
    return this.tensors[`layers.${layer}.score`].values[(head * n + i) * n + j];
  }

  #thumbnail(layer, head) {
    const n = this.pieces.length;
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", `Layer ${layer + 1}, head ${head + 1}`);
    Object.assign(button.dataset, { layer, head });
    button.addEventListener("click", () => this.select(layer, head));
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = n;
    const picture = new ImageData(n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        picture.data.set([...shade(this.score(layer, head, i, j)), 255], 4 * (i * n + j));
      }
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
    button.append(canvas);
    return button;
  }

  select(layer, head) {
    this.layer = layer;
    this.head = head;
    for (const button of this.heads.querySelectorAll("button")) {
      const chosen = button.dataset.layer === String(layer) && button.dataset.head === String(head);
      button.setAttribute("aria-checked", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    const cell = (kind, text, scope) => {
      const made = document.createElement(kind);
      made.textContent = text;
      if (scope) made.scope = scope;
      return made;
    };
    this.title.textContent = `Layer ${layer + 1}, head ${head + 1}: rows look at columns`;
    const top = document.createElement("tr");
    top.append(document.createElement("td"), ...this.pieces.map((piece) => cell("th", piece, "col")));
    const header = document.createElement("thead");
    header.append(top);
    const body = document.createElement("tbody");
    this.pieces.forEach((query, i) => {
      const line = document.createElement("tr");
      line.append(cell("th", query, "row"));
      this.pieces.forEach((key, j) => {
        const score = this.score(layer, head, i, j);
        const square = cell("td", score);
        square.setAttribute("role", "gridcell");
        square.setAttribute("aria-label", `${query} inhibits ${key} by ${score}`);
        square.title = `${query} → ${key}: ${score}`;
        square.tabIndex = i || j ? -1 : 0;
        square.style.background = `rgb(${shade(score)})`;
        square.style.color = luminance(shade(score)) > 0.179 ? "#000000" : "#ffffff";
        Object.assign(square.dataset, { i, j });
        line.append(square);
      });
      body.append(line);
    });
    this.grid.replaceChildren(header, body);
    this.onPair(layer, head, 0, 0);
  }

  #square(i, j) {
    return this.grid.querySelector(`td[data-i="${i}"][data-j="${j}"]`);
  }

  #point(target) {
    const square = target.closest?.("td[data-i]");
    if (square) this.onPair(this.layer, this.head, Number(square.dataset.i), Number(square.dataset.j));
  }

  #move(event) {
    const square = event.target.closest("td[data-i]");
    if (!square) return;
    const last = this.pieces.length - 1;
    let [i, j] = [Number(square.dataset.i), Number(square.dataset.j)];
    if (event.key === "ArrowRight") j = Math.min(j + 1, last);
    else if (event.key === "ArrowLeft") j = Math.max(j - 1, 0);
    else if (event.key === "ArrowDown") i = Math.min(i + 1, last);
    else if (event.key === "ArrowUp") i = Math.max(i - 1, 0);
    else if (event.key === "Home") j = 0;
    else if (event.key === "End") j = last;
    else return;
    event.preventDefault();
    square.tabIndex = -1;
    const next = this.#square(i, j);
    next.tabIndex = 0;
    next.focus();
  }

  #choose(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.heads.querySelectorAll("button")];
    const at = buttons.findIndex((button) => button.getAttribute("aria-checked") === "true");
    const next = buttons[(at + step + buttons.length) % buttons.length];
    this.select(Number(next.dataset.layer), Number(next.dataset.head));
    next.focus();
  }
}
