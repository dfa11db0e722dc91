/**
 * Runs exported graphs in Node and writes down what they give, for export/graph_runner.py.
 *
 *     node run_graph.mjs FOLDER
 *
 * FOLDER/request.json: {backend: "cpu" | "wasm", calls: [{model, inputs, outputs}]}.
 * `model` is the path of a model.json. An input is {dtype, shape, at}, its numbers from byte `at`
 * of FOLDER/inputs.bin on, or {call, output}: what an earlier call gave. Outputs are names of
 * nodes. FOLDER/result.json gets {version, results}: for each call the outputs, again {dtype,
 * shape, at}, in FOLDER/results.bin.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';

const ARRAYS = { float32: Float32Array, int32: Int32Array };
const CONSTANTS = {
  DT_FLOAT: { dtype: 'float32', scalar: 'floatVal' },
  DT_INT32: { dtype: 'int32', scalar: 'intVal' },
};

/** The numbers that lie in some bytes, which needn't be aligned. */
function numbers(dtype, bytes) {
  return new ARRAYS[dtype](new Uint8Array(bytes).buffer);
}

/** Loads a graph from the disk as `tf.loadGraphModel` does from a server. */
async function load(path) {
  const content = JSON.parse(readFileSync(path, 'utf8'));
  const readWeights = async (manifest) => {
    const files = manifest.flatMap((group) => group.paths);
    const data = Buffer.concat(files.map((file) => readFileSync(join(dirname(path), file))));
    return [tf.io.getWeightSpecs(manifest), new Uint8Array(data).buffer];
  };
  const model = await loadGraphModel({
    load: () => tf.io.getModelArtifactsForJSON(content, readWeights),
  });
  // A file with its weights among its nodes: the article's page fills them in like this.
  if (!content.weightsManifest.length) Object.assign(model.weights, constants(content));
  return model;
}

/** The constants that stand among the nodes of a graph, by name. */
function constants({ modelTopology }) {
  const found = modelTopology.node.filter((node) => node.op === 'Const').map(constant);
  return Object.fromEntries(found);
}

function constant({ name, attr }) {
  const { dtype: type, tensorShape, tensorContent, ...values } = attr.value.tensor;
  const { dtype, scalar } = CONSTANTS[type];
  if (!tensorShape.dim) return [name, [tf.scalar(values[scalar][0], dtype)]];
  const shape = tensorShape.dim.map((dim) => Number(dim.size));
  return [name, [tf.tensor(numbers(dtype, Buffer.from(tensorContent, 'base64')), shape, dtype)]];
}

/** Runs all calls in their order; an array of results, each an array of tensors. */
async function run(calls, data) {
  const models = new Map();
  const results = [];
  for (const { model, inputs, outputs } of calls) {
    if (!models.has(model)) models.set(model, await load(model));
    const tensors = tf.tidy(() => {
      const given = Object.entries(inputs).map(([name, input]) => [name, tensor(input)]);
      return models.get(model).execute(Object.fromEntries(given), outputs);
    });
    results.push([tensors].flat());
  }
  return results;

  function tensor({ dtype, shape, at, call, output }) {
    if (call !== undefined) return results[call][calls[call].outputs.indexOf(output)];
    const size = 4 * tf.util.sizeFromShape(shape);
    return tf.tensor(numbers(dtype, data.subarray(at, at + size)), shape, dtype);
  }
}

/** Collects tensors one behind the other, and says where each one lies. */
class Written {
  parts = [];
  size = 0;

  add(tensor) {
    const values = tensor.dataSync();
    const place = { dtype: tensor.dtype, shape: tensor.shape, at: this.size };
    this.parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    this.size += values.byteLength;
    return place;
  }
}

const folder = process.argv[2];
const { backend, calls } = JSON.parse(readFileSync(join(folder, 'request.json'), 'utf8'));
await import(`@tensorflow/tfjs-backend-${backend}`);
await tf.setBackend(backend);
const tensors = await run(calls, readFileSync(join(folder, 'inputs.bin')));
const written = new Written();
const results = calls.map(({ outputs }, call) =>
  Object.fromEntries(outputs.map((name, i) => [name, written.add(tensors[call][i])])),
);
writeFileSync(join(folder, 'results.bin'), Buffer.concat(written.parts));
writeFileSync(join(folder, 'result.json'), JSON.stringify({ version: tf.version_core, results }));
