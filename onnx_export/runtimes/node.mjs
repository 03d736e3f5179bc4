// node node.mjs PACKAGE MODEL: for each line of stdin, the path of a batch, write PATH.out and print the seconds.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { runBatch } from "./runner.mjs";

const [folder, model] = process.argv.slice(2);
const ort = createRequire(import.meta.url)(folder);
// onnxruntime-web would start a thread a core.
if (ort.env.wasm) ort.env.wasm.numThreads = 1;
const options = { intraOpNumThreads: 1, executionProviders: folder.endsWith("web") ? ["wasm"] : ["cpu"] };
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(model)), options);
console.log("ready");
for await (const path of createInterface({ input: process.stdin })) {
  const batch = readFileSync(path);
  const content = batch.buffer.slice(batch.byteOffset, batch.byteOffset + batch.length);
  const result = await runBatch(ort, session, content);
  writeFileSync(`${path}.out`, new Uint8Array(result.content.buffer));
  console.log(result.seconds);
}
