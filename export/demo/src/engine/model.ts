/**
 * An exported model: its manifest and its two graphs, from a folder on the server or the disk.
 */

import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';

import { type Folder, parseJson, REMEDY } from './folder';
import { artifacts } from './graph_files';
import { type GraphDescription, type Manifest, parseManifest } from './manifest';
import { ReadableError } from './readable_error';

const MANIFEST = 'manifest.json';

/**
 * Reads the manifest of a folder.
 *
 * @throws ReadableError the file is missing, or is no manifest.
 */
export async function readManifest(folder: Folder): Promise<Manifest> {
  const file = `${folder.name}/${MANIFEST}`;
  return parseManifest(parseJson(await folder.bytes(MANIFEST), file), file);
}

/** What the cells need of a model. */
export interface Rule {
  readonly manifest: Manifest;
  /** One CA step of the living cells: [N, state channels] to the same. */
  step(inputs: StepInputs): tf.Tensor2D;
  /** [N, 9] gray neighbourhoods to [N, hidden], their part in the first layer. */
  grayPart(gray: tf.Tensor2D): tf.Tensor2D;
}

/**
 * What a step of N cells, of which F fire, takes: `state` [N, state channels]; `neighbours` [N, 9]
 * rows, N for a dead one; `gray_part` [N, hidden]; `firing` [F] rows; `slots` [N] each row's place
 * in `firing`, F if it doesn't fire; `noise` [F, state channels]. Rows in `firing` that no slot
 * names have no effect.
 */
export type StepInputs = Readonly<
  Record<'state' | 'neighbours' | 'gray_part' | 'firing' | 'slots' | 'noise', tf.Tensor>
>;

/** A model whose living-cell graph is ready to run. */
export class Model implements Rule {
  readonly manifest: Manifest;
  readonly #folder: Folder;
  readonly #living: GraphModel;
  #dense: GraphModel | undefined;

  private constructor(folder: Folder, manifest: Manifest, living: GraphModel) {
    this.#folder = folder;
    this.manifest = manifest;
    this.#living = living;
  }

  /**
   * Loads a model and tries it on a single cell.
   *
   * @throws ReadableError a file is missing, damaged, or the graph of something else.
   */
  static async load(folder: Folder): Promise<Model> {
    const manifest = await readManifest(folder);
    const living = await loadGraph(folder, manifest.living);
    const model = new Model(folder, manifest, living);
    try {
      model.#tryOut();
    } catch (error) {
      living.dispose();
      throw broken(folder, manifest.living.model, error);
    }
    return model;
  }

  step(inputs: StepInputs): tf.Tensor2D {
    return run(this.#living, this.manifest.living, inputs, 'state') as tf.Tensor2D;
  }

  grayPart(gray: tf.Tensor2D): tf.Tensor2D {
    return run(this.#living, this.manifest.living, { gray }, 'gray_part') as tf.Tensor2D;
  }

  /** The article's graph, for comparisons: loaded on first use. */
  async dense(): Promise<
    (x: tf.Tensor4D, fireRate: tf.Tensor, noise: tf.Tensor4D) => tf.Tensor4D
  > {
    const dense = (this.#dense ??= await loadGraph(this.#folder, this.manifest.dense));
    return (x, fireRate, noise) =>
      run(dense, this.manifest.dense, { x, fire_rate: fireRate, noise }, 'x') as tf.Tensor4D;
  }

  /** Frees the weights. */
  dispose(): void {
    this.#living.dispose();
    this.#dense?.dispose();
  }

  #tryOut(): void {
    const { stateChannels } = this.manifest;
    tf.tidy(() => {
      const state = tf.zeros([1, stateChannels]);
      const result = this.step({
        state,
        neighbours: tf.fill([1, 9], 1, 'int32'),
        gray_part: this.grayPart(tf.zeros([1, 9])),
        firing: tf.zeros([1], 'int32'),
        slots: tf.zeros([1], 'int32'),
        noise: state,
      });
      tf.util.assertShapesMatch(result.shape, [1, stateChannels]);
    });
  }
}

function run(
  graph: GraphModel,
  { inputs: names, outputs }: GraphDescription,
  inputs: Readonly<Record<string, tf.Tensor>>,
  output: string,
): tf.Tensor {
  const named = Object.entries(inputs).map(([part, tensor]) => [names[part], tensor]);
  return graph.execute(Object.fromEntries(named), outputs[output]) as tf.Tensor;
}

async function loadGraph(folder: Folder, { model }: GraphDescription): Promise<GraphModel> {
  const parent = model.slice(0, model.lastIndexOf('/') + 1);
  const json = parseJson(await folder.bytes(model), `${folder.name}/${model}`);
  const load = (): Promise<tf.io.ModelArtifacts> =>
    artifacts(json as tf.io.ModelJSON, (path) => folder.bytes(parent + path));
  try {
    return await loadGraphModel({ load });
  } catch (error) {
    throw error instanceof ReadableError ? error : broken(folder, model, error);
  }
}

function broken(folder: Folder, file: string, error: unknown): ReadableError {
  const reason = error instanceof Error ? error.message : String(error);
  const short = reason.replace(/\s+/g, ' ').slice(0, 160);
  return new ReadableError(
    `${folder.name}/${file}: not a graph of such cells (${short}). ${REMEDY}`,
  );
}
