/**
 * A graph's files: model.json with its weights beside it, or among its nodes.
 *
 * The second is the form of the article's page, a single file. TensorFlow.js reads its nodes but
 * not the numbers that stand in them, so they are collected here.
 */

import * as tf from '@tensorflow/tfjs-core';

/** By type in a graph: its name in TensorFlow.js, and the member of a node that holds a scalar. */
const TYPES = {
  DT_FLOAT: { dtype: 'float32', scalar: 'floatVal', array: Float32Array },
  DT_INT32: { dtype: 'int32', scalar: 'intVal', array: Int32Array },
} as const;

interface Constant {
  readonly dtype: keyof typeof TYPES;
  readonly tensorShape: { readonly dim?: readonly { readonly size: string }[] };
  readonly tensorContent?: string;
  readonly floatVal?: readonly number[];
  readonly intVal?: readonly number[];
}

interface Node {
  readonly name: string;
  readonly op: string;
  readonly attr: { readonly value: { readonly tensor: Constant } };
}

/**
 * What TensorFlow.js needs to load a graph.
 *
 * @param json the content of model.json.
 * @param bytes gives the content of a file beside it.
 * @throws Error it is no graph.
 */
export async function artifacts(
  json: tf.io.ModelJSON,
  bytes: (path: string) => Promise<ArrayBuffer>,
): Promise<tf.io.ModelArtifacts> {
  const nodes = (json?.modelTopology as { node?: Node[] } | undefined)?.node;
  if (!Array.isArray(nodes) || !Array.isArray(json.weightsManifest)) {
    throw new Error('it lists no nodes and weights');
  }
  if (json.weightsManifest.length > 0) {
    return tf.io.getModelArtifactsForJSON(json, async (manifest) => {
      const files = await Promise.all(manifest.flatMap(({ paths }) => paths).map(bytes));
      return [tf.io.getWeightSpecs(manifest), tf.io.concatenateArrayBuffers(files)];
    });
  }
  const constants = nodes.filter(({ op }) => op === 'Const');
  const weights = constants.map(({ attr }) => numbers(attr.value.tensor).buffer as ArrayBuffer);
  return {
    modelTopology: json.modelTopology,
    format: json.format,
    weightSpecs: constants.map(({ name, attr }) => ({
      name,
      dtype: TYPES[attr.value.tensor.dtype].dtype,
      shape: shape(attr.value.tensor),
    })),
    weightData: tf.io.concatenateArrayBuffers(weights),
  };
}

function shape({ tensorShape }: Constant): number[] {
  return (tensorShape.dim ?? []).map(({ size }) => Number(size));
}

function numbers(constant: Constant): Float32Array | Int32Array {
  const { scalar, array } = TYPES[constant.dtype];
  if (constant.tensorContent === undefined) return array.from(constant[scalar] ?? []);
  const binary = atob(constant.tensorContent);
  return new array(Uint8Array.from(binary, (character) => character.charCodeAt(0)).buffer);
}
