// One batch through a session of onnxruntime-web or onnxruntime-node; see javascript.py for the format.

export async function runBatch(ort, session, content) {
  const words = new Int32Array(content);
  const [batch, seq] = words;
  const size = batch * seq;
  const feeds = {
    token_ids: new ort.Tensor("int32", words.slice(2, 2 + size), [batch, seq]),
    mask: new ort.Tensor("int32", words.slice(2 + size, 2 + 2 * size), [batch, seq]),
  };
  const start = performance.now();
  const results = await session.run(feeds);
  const seconds = (performance.now() - start) / 1000;
  const names = session.outputNames;
  let text = JSON.stringify(names.map((name) => [name, results[name].dims]));
  // Spaces keep the tensors at a multiple of 4 bytes.
  text += " ".repeat((4 - (text.length % 4)) % 4);
  const total = names.reduce((sum, name) => sum + results[name].data.length, 0);
  const out = new Int32Array(1 + text.length / 4 + total);
  out[0] = text.length;
  new Uint8Array(out.buffer).set(new TextEncoder().encode(text), 4);
  let at = 1 + text.length / 4;
  for (const name of names) {
    out.set(results[name].data, at);
    at += results[name].data.length;
  }
  return { seconds, content: out };
}
