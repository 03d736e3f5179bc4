// The integers behind one square of the map, computed again from q, k and v with the emulator's arithmetic.

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

// floor((x + 2^(shift - 1)) / 2^shift): ties go up.
export const roundShift = (x, shift) => (x + ((1 << shift) >> 1)) >> shift;

// Row `token` of one head of a tensor [1, n, width].
function row(tensor, token, head, width) {
  const start = token * tensor.axes[2] + head * width;
  return Array.from(tensor.values.slice(start, start + width));
}

// Every step from the distance of query i and key j to the score.
export function explain(tensors, about, layer, head, i, j) {
  const { head_width: width, centring, inhibition } = about.config;
  const { score_shift: shift, delta } = about.layers[layer];
  const tensor = (name) => tensors[`layers.${layer}.${name}`];
  const tokens = tensor("q").axes[1];
  const query = row(tensor("q"), i, head, width);
  const distance = (key) =>
    row(tensor("k"), key, head, width).reduce((sum, k, feature) => sum + Math.abs(query[feature] - k), 0);
  const shifted = Array.from({ length: tokens }, (_, key) => roundShift(distance(key), shift));
  const centre = {
    min: Math.min(...shifted),
    mean: Math.floor(shifted.reduce((sum, z) => sum + z, 0) / tokens),
    none: 0,
  }[centring];
  const score = clamp(shifted[j] - centre - delta[head], 0, 127);
  const value = row(tensor("v"), j, head, width);
  const left = value.map((v) =>
    inhibition === "signed" ? v - clamp(v, -score, score) : Math.max(v - score, 0),
  );
  return {
    distance: distance(j), shift, shifted: shifted[j], centring, centre, delta: delta[head], score, value, left,
    shown: tensor("score").values[(head * tokens + i) * tokens + j],
  };
}
