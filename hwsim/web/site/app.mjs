// The page: a sentence in, the prediction, the map and the integers out.
import { explain } from "./explain.mjs";
import { InhibitionMap } from "./map.mjs";
import { Model } from "./model.mjs";
import { Tokenizer, shorten } from "./tokenizer.mjs";

const at = (id) => document.getElementById(id);
const json = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
};
const grouped = (number) => number.toLocaleString("en");

function badge(state, text) {
  at("badge").dataset.state = state;
  at("badge").textContent = text;
}

const about = await json("about.json");
let tokenizer;
let model;
let last;

const map = new InhibitionMap(at("heads"), at("grid-title"), at("grid"), showPair);

function showPair(layer, head, i, j) {
  const found = explain(last.tensors, about, layer, head, i, j);
  const [query, key] = [last.pieces[i], last.pieces[j]];
  const passing = found.left.filter((x) => x !== 0).length;
  at("pair").textContent = `Layer ${layer + 1}, head ${head + 1}: “${query}” (token ${i + 1}) looks at “${key}” (token ${j + 1}).`;
  const centres = {
    min: `minus the smallest of this row, ${found.centre}`,
    mean: `minus the mean of this row, ${found.centre}`,
    none: "no centring",
  };
  const steps = [
    `|q − k| summed over ${found.value.length} features: <b>${found.distance}</b>`,
    `shifted right by ${found.shift}, ties up: <b>${found.shifted}</b>`,
    centres[found.centring],
    `minus ${found.delta}, which this head forgives, kept in 0..127: <b>${found.score}</b>`,
    `of the ${found.value.length} values of the column's word, ${passing} are larger and pass, less ${found.score}`,
  ];
  at("steps").replaceChildren(
    ...steps.map((step) => {
      const item = document.createElement("li");
      item.innerHTML = step;
      return item;
    }),
  );
  at("inspector").dataset.score = found.score;
  at("inspector").dataset.agrees = String(found.score === found.shown);
}

function showTensor() {
  const name = at("tensor").value;
  const { axes, values } = last.tensors[name];
  const columns = axes[axes.length - 1];
  const rows = values.length / columns;
  const shown = Math.min(rows, 256);
  at("tensor-facts").textContent =
    `int32 [${axes.join(", ")}], ${grouped(values.length)} integers` + (shown < rows ? `; the first ${shown} rows` : "");
  const body = document.createElement("tbody");
  for (let i = 0; i < shown; i++) {
    const line = document.createElement("tr");
    const title = document.createElement("th");
    title.scope = "row";
    title.textContent = rows > 1 ? last.pieces[i % last.pieces.length] : "";
    line.append(title);
    for (const value of values.slice(i * columns, (i + 1) * columns)) line.insertCell().textContent = value;
    body.append(line);
  }
  at("values").replaceChildren(body);
}

function showLogits(logits) {
  const best = logits.indexOf(Math.max(...logits));
  const names = about.labels.length ? about.labels : logits.map((_, i) => `class ${i}`);
  at("prediction").textContent = names[best];
  const low = Math.min(0, ...logits);
  const high = Math.max(1, ...logits);
  const body = document.createElement("tbody");
  logits.forEach((logit, i) => {
    const line = body.insertRow();
    const title = document.createElement("th");
    title.scope = "row";
    title.textContent = names[i];
    line.append(title);
    line.insertCell().textContent = logit;
    const bar = document.createElement("progress");
    bar.max = high - low;
    bar.value = logit - low;
    bar.setAttribute("aria-hidden", "true");
    line.insertCell().append(bar);
  });
  at("logits").tBodies[0].replaceWith(body);
}

async function classify(text) {
  const { ids, pieces } = tokenizer.encode(text);
  if (!ids.length) {
    at("text").setCustomValidity("Type at least one visible character.");
    at("text").reportValidity();
    return;
  }
  const kept = shorten(ids, about.config.max_tokens);
  const { tensors, milliseconds } = await model.run(kept);
  last = { tensors, pieces: shorten(pieces, about.config.max_tokens), ids: kept };
  showLogits(Array.from(tensors.logits.values));
  const unknown = last.pieces.filter((piece) => piece === tokenizer.unknown).length;
  const facts = [
    `${kept.length} tokens in ${milliseconds.toFixed(1)} ms, every one of the tensors below read out`,
    ids.length > kept.length ? `${ids.length - kept.length} more were left out of the middle` : "",
    unknown ? `${unknown} unknown` : "",
  ];
  at("facts").textContent = `${facts.filter(Boolean).join("; ")}.`;
  map.show(last.pieces, tensors, about.config.layers, about.config.heads);
  showTensor();
  for (const id of ["result", "map", "tensors"]) at(id).hidden = false;
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  classify(at("text").value).catch((error) => badge("wrong", String(error)));
});
at("text").addEventListener("input", () => at("text").setCustomValidity(""));
at("tensor").addEventListener("change", showTensor);

for (const text of about.examples) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.addEventListener("click", () => {
    at("text").value = text;
    at("form").requestSubmit();
  });
  at("examples").append(" ", button);
}
at("about").textContent =
  `${about.name}: ${about.config.layers} layers, width ${about.config.width}, ${about.config.heads} heads, ` +
  `${(100 * about.density).toFixed(0)} % of the encoder's ${about.config.weights} weights kept. ` +
  `Ticket ${about.ticket.slice(0, 12)}. onnxruntime-web ${about.onnxruntime}. ${about.hwsim}.`;

try {
  tokenizer = new Tokenizer(await json("tokenizer.json"));
  model = await Model.load();
  for (const name of model.session.outputNames) at("tensor").append(new Option(name));
  at("go").disabled = false;
  const vectors = await json("vectors.json");
  const { tensors, integers, difference } = await model.compare(vectors);
  if (difference) badge("wrong", `Not bit-exact here: ${difference}`);
  else {
    badge("exact", `Bit-exact: all ${tensors} tensors, ${grouped(integers)} integers of ${vectors.length} sentences equal the emulator's`);
  }
} catch (error) {
  badge("wrong", `The model could not be loaded: ${error}`);
}
