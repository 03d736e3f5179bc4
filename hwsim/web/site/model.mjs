// The exported ticket in onnxruntime-web, and its comparison with what the emulator computed.

export class Model {
  static async load() {
    const ort = await import("./ort/ort.wasm.min.mjs");
    ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
    ort.env.wasm.numThreads = 1;
    const file = await fetch("model.onnx");
    if (!file.ok) throw new Error(`model.onnx: ${file.status}`);
    const content = new Uint8Array(await file.arrayBuffer());
    const session = await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
    return new Model(ort, session);
  }

  constructor(ort, session) {
    this.ort = ort;
    this.session = session;
  }

  // {tensors: {name: {axes, values}}, milliseconds} of one sequence of token ids, all of them real.
  async run(ids) {
    const tensor = (values) => new this.ort.Tensor("int32", Int32Array.from(values), [1, ids.length]);
    const feeds = { token_ids: tensor(ids), mask: tensor(ids.map(() => 1)) };
    const start = performance.now();
    const results = await this.session.run(feeds);
    const milliseconds = performance.now() - start;
    const tensors = {};
    for (const name of this.session.outputNames) {
      tensors[name] = { axes: results[name].dims, values: results[name].data };
    }
    return { tensors, milliseconds };
  }

  // {tensors, integers, difference}: how much was compared, and the first integer that differs, or null.
  async compare(vectors) {
    let integers = 0;
    let compared = 0;
    for (const { ids, tensors } of vectors) {
      const found = (await this.run(ids)).tensors;
      for (const [name, { axes, values }] of Object.entries(tensors)) {
        const got = found[name];
        if (!got || String(got.axes) !== String(axes)) return { difference: `${name} has other axes` };
        const at = values.findIndex((value, i) => value !== got.values[i]);
        if (at >= 0) {
          return { difference: `${name}, element ${at}: expected ${values[at]}, got ${got.values[at]}` };
        }
        integers += values.length;
        compared += 1;
      }
    }
    return { tensors: compared / vectors.length, integers, difference: null };
  }
}
