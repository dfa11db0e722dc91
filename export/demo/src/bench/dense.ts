/**
 * The article's graph as its page runs it: every cell of the canvas, dead or alive, each step.
 */

import * as tf from '@tensorflow/tfjs-core';

import type { Model } from '../engine/model';
import type { Random } from '../engine/random';

/** A canvas under the dense graph. */
export class DenseCells {
  readonly #run: Awaited<ReturnType<Model['dense']>>;
  readonly #shape: [number, number, number, number]; // of the noise
  readonly #noNoise: tf.Tensor4D;
  #x: tf.Tensor4D;

  private constructor(run: Awaited<ReturnType<Model['dense']>>, x: tf.Tensor4D) {
    this.#run = run;
    this.#x = x;
    const [batch, height, width, channels] = x.shape;
    this.#shape = [batch, height, width, channels - 1];
    this.#noNoise = tf.zeros(this.#shape);
  }

  /** A fresh sample of [size * size] gray values. */
  static async create(model: Model, gray: Float32Array, size: number): Promise<DenseCells> {
    const { stateChannels } = model.manifest;
    const x = tf.tidy(() => {
      const image = tf.tensor4d(gray, [1, size, size, 1]);
      return tf.concat([image, tf.zeros([1, size, size, stateChannels])], 3) as tf.Tensor4D;
    });
    return new DenseCells(await model.dense(), x);
  }

  /**
   * Takes a CA step.
   *
   * @param fires the fire rate, or [size * size], 1 for each cell that fires and 0 for the others.
   * @param noise [size * size * state channels]; none if not given.
   */
  step(fires: number | Float32Array, noise?: Float32Array): void {
    const [batch, height, width] = this.#shape;
    const next = tf.tidy(() =>
      this.#run(
        this.#x,
        typeof fires === 'number' ? tf.scalar(fires) : tf.tensor(fires, [batch, height, width, 1]),
        noise ? tf.tensor4d(noise, this.#shape) : this.#noNoise,
      ),
    );
    this.#x.dispose();
    this.#x = next;
  }

  /** Noise for one step, from the same fast generator that the living cells use. */
  drawNoise(random: Random, deviation: number): Float32Array {
    return random.normals(tf.util.sizeFromShape(this.#shape), deviation);
  }

  /** Waits until all steps are done, with the smallest possible read-back. */
  async finish(): Promise<void> {
    const corner = tf.tidy(() => tf.slice(this.#x, [0, 0, 0, 0], [1, 1, 1, 1]));
    await corner.data();
    corner.dispose();
  }

  /** [size * size * channels], gray first. */
  async values(): Promise<Float32Array> {
    return (await this.#x.data()) as Float32Array;
  }

  /** Frees everything on the device. */
  dispose(): void {
    tf.dispose([this.#x, this.#noNoise]);
  }
}
