/**
 * The cells of one canvas: their gray values, their states, their steps, and what edits do.
 *
 * Only living cells have rows, and only those that fire are computed (article: "Model"). States
 * stay on the device from step to step; edits move them to their new rows there, so nothing waits
 * for a read-back. Knows nothing of the page.
 */

import * as tf from '@tensorflow/tfjs-core';

import { Impostors, NOWHERE, type Places, type Turn } from './impostors';
import { type Layout, layOut, origins, resized } from './layout';
import type { Rule } from './model';
import type { Picture } from './picture';
import { Random } from './random';
import { extended, grayPartOf, neighboursOf, padded } from './rows';
import { largest } from './runaways';

/** A canvas as it was, for undo. */
export interface Snapshot {
  readonly size: number;
  /** The model that the states belong to. */
  readonly model: Rule;
  readonly gray: Float32Array;
  /** [N * stateChannels]; a promise, so that taking a snapshot waits for no device. */
  readonly state: Promise<Float32Array>;
  readonly impostors: Places;
}

const REPLACED_SHARE = 0.5; // a cell that is drawn over or erased this far is a new, honest one

/** The CA on a canvas of size x size cells. */
export class Cells {
  /** Probability that a living cell fires in a step. */
  fireRate: number;
  /** Standard deviation of the noise on the residual update. */
  noise: number;
  #model: Rule;
  #layout: Layout;
  #gray: Float32Array;
  #step = 0;
  readonly #random: Random;
  readonly #impostors = new Impostors();
  // [rows, stateChannels], [rows, 9] and [rows, hidden]; rows >= living
  #state: tf.Tensor2D;
  #neighbours: tf.Tensor2D;
  #grayPart: tf.Tensor2D;

  constructor(model: Rule, size: number, random = new Random()) {
    this.#model = model;
    this.#random = random;
    this.fireRate = model.manifest.fireRate;
    this.noise = model.manifest.residualNoise;
    this.#gray = new Float32Array(size * size);
    this.#layout = this.#layOut(this.#gray, size);
    this.#state = this.#upload(new Float32Array(0));
    this.#neighbours = neighboursOf(this.#layout);
    this.#grayPart = grayPartOf(model, this.#layout);
  }

  get size(): number {
    return this.#layout.size;
  }

  /** The number of living cells. */
  get living(): number {
    return this.#layout.living;
  }

  /** CA steps since the last reset. */
  get steps(): number {
    return this.#step;
  }

  get model(): Rule {
    return this.#model;
  }

  /** [size * size] gray values, 0 to 1, not to be changed. */
  get gray(): Float32Array {
    return this.#gray;
  }

  /** Where cells are impostors, now or once they live. Nowhere if the model can't have any. */
  get impostors(): Places {
    return this.#impostors.places;
  }

  set impostors(places: Places) {
    this.#impostors.places = this.acceptsImpostors ? places : NOWHERE;
  }

  /** Whether the impostors' rule is loaded and fits the model. */
  get acceptsImpostors(): boolean {
    return this.#impostors.fit(this.#model);
  }

  /** Gives impostors their rule, on the current backend. */
  useImpostors(rule: Rule): void {
    this.#impostors.rule = rule;
    this.impostors = this.#impostors.places;
  }

  /** Takes one CA step: hands it to the device, and on a GPU doesn't wait for its end. */
  step(): void {
    this.#step++;
    const { firing, slots } = this.#random.firing(this.living, this.fireRate);
    this.stepWith(firing, slots);
  }

  /**
   * Takes a step with given firing cells and noise.
   *
   * @param firing [F] rows.
   * @param slots [N] each row's place in `firing`, -1 where it doesn't fire.
   * @param noise [F * stateChannels]; drawn if not given.
   */
  stepWith(firing: Int32Array, slots: Int32Array, noise?: Float32Array): void {
    const fired = firing.length;
    if (fired === 0) return;
    const channels = this.#model.manifest.stateChannels;
    const drawn =
      noise ?? (this.noise > 0 ? this.#random.normals(fired * channels, this.noise) : undefined);
    const turn = { firing, slots, noise: drawn };
    const { rule } = this.#impostors;
    const shares = this.#impostors.share(turn, this.#layout);
    if (!rule || !shares) {
      this.#replaceState(this.#stepOf(this.#model, this.#grayPart, turn));
      return;
    }
    const grayPart = this.#impostors.grayPart(this.#layout);
    const next = tf.tidy(() => {
      const honest = this.#stepOf(this.#model, this.#grayPart, shares.honest);
      const impostors = this.#stepOf(rule, grayPart, shares.impostors);
      // Each of the two leaves the rows of the other unchanged.
      return tf.add<tf.Tensor2D>(honest, tf.sub(impostors, this.#state));
    });
    this.#replaceState(next);
  }

  /** The states after one rule's part of a step; the present ones if no cell fires. */
  #stepOf(rule: Rule, grayPart: tf.Tensor2D, { firing, slots, noise }: Turn): tf.Tensor2D {
    if (firing.length === 0) return this.#state;
    const places = padded(firing.length);
    const channels = rule.manifest.stateChannels;
    const slotOfRow = new Int32Array(this.#state.shape[0]).fill(places);
    for (let row = 0; row < slots.length; row++) {
      if (slots[row] >= 0) slotOfRow[row] = slots[row];
    }
    return tf.tidy(() =>
      rule.step({
        state: this.#state,
        neighbours: this.#neighbours,
        gray_part: grayPart,
        firing: tf.tensor1d(extended(firing, places), 'int32'),
        slots: tf.tensor1d(slotOfRow, 'int32'),
        noise: noise
          ? tf.tensor2d(extended(noise, places * channels), [places, channels])
          : tf.zeros([places, channels]),
      }),
    );
  }

  /** Makes living cells impostors, if the model accepts them, or any cells honest. */
  mark(cells: Iterable<number>, impostors: boolean): void {
    const places = new Set(this.impostors);
    for (const cell of cells) {
      if (!impostors) places.delete(cell);
      else if (this.#layout.rows[cell] >= 0) places.add(cell);
    }
    this.impostors = places;
  }

  /**
   * Draws or erases: each cell's gray goes towards `ink` by its amount, and its state fades by the
   * same amount (the article's demo). An impostor that is mostly drawn over or erased becomes an
   * honest cell.
   *
   * @param amounts [cell, amount 0 to 1], each cell at most once.
   * @param ink 1 draws, 0 erases, null leaves the gray: only the state fades.
   */
  paint(amounts: Iterable<readonly [number, number]>, ink: number | null): void {
    const gray = this.#gray.slice();
    const keep = new Float32Array(gray.length).fill(1);
    const impostors = new Set(this.impostors);
    for (const [cell, amount] of amounts) {
      keep[cell] = 1 - amount;
      if (ink === null) continue;
      gray[cell] = gray[cell] * (1 - amount) + ink * amount;
      if (amount >= REPLACED_SHARE) impostors.delete(cell);
    }
    this.#change(gray, this.size, (cell) => cell, keep);
    this.impostors = impostors;
  }

  /**
   * Replaces the digit. States stay where a cell lives in both (article: mutation); impostors keep
   * their places.
   */
  mutate(gray: Float32Array): void {
    this.#change(gray.slice(), this.size, (cell) => cell);
  }

  /** Sets all states and the count of steps to zero; gray values and impostors stay. */
  reset(): void {
    this.#step = 0;
    this.#replaceState(tf.tidy(() => tf.zerosLike(this.#state)));
  }

  /** Sets the states of some cells, given as y * size + x, to zero, even if they aren't finite. */
  forget(cells: Iterable<number>): void {
    const forgotten = new Set(cells);
    this.#change(this.#gray, this.size, (cell) => (forgotten.has(cell) ? -1 : cell));
  }

  /** Makes the canvas larger or smaller around its centre. */
  resize(size: number): void {
    const old = this.#gray;
    const oldCell = resized(this.size, size);
    const gray = new Float32Array(size * size);
    for (let cell = 0; cell < gray.length; cell++) gray[cell] = old[oldCell(cell)] ?? 0;
    const impostors = [...gray.keys()].filter((cell) => this.impostors.has(oldCell(cell)));
    this.#change(gray, size, oldCell);
    this.impostors = new Set(impostors);
  }

  /**
   * Continues with another model. States and impostors are kept only if that model can use them.
   *
   * @returns whether the states were kept.
   */
  async useModel(model: Rule): Promise<boolean> {
    const state = await this.read();
    const statesKept = acceptsStates(model, state, this.#model);
    this.#model = model;
    this.#layout = this.#layOut(this.#gray, this.size);
    this.#replaceState(this.#upload(statesKept ? state : new Float32Array(0)));
    this.#refreshConstants();
    this.impostors = this.#impostors.places;
    return statesKept;
  }

  /**
   * Moves everything but the impostors' rule to the backend of TensorFlow.js that has just become
   * the current one.
   *
   * @param model the same as before, loaded there.
   * @param state what `read` gave on the old backend.
   */
  moveTo(model: Rule, state: Float32Array): void {
    this.#model = model;
    this.#replaceState(this.#upload(state));
    this.#refreshConstants();
  }

  /** The canvas as it is now. */
  snapshot(): Snapshot {
    const { size, model, gray, impostors } = this;
    return { size, model, gray, impostors, state: this.read() };
  }

  /**
   * Puts the canvas back as it was; the count of steps goes on.
   *
   * @returns whether its states came back too: the current model may not be able to use those of
   *   another model.
   */
  async restore({ size, model, gray, state, impostors }: Snapshot): Promise<boolean> {
    const then = await state;
    const statesKept = acceptsStates(this.#model, then, model);
    this.#gray = gray;
    this.#layout = this.#layOut(gray, size);
    this.#replaceState(this.#upload(statesKept ? then : new Float32Array(0)));
    this.#refreshConstants();
    this.impostors = impostors;
    return statesKept;
  }

  /** Reads the states back. Steps that are taken during the reading don't show in it. */
  async picture(): Promise<Picture> {
    const { size, positions, neighbours } = this.#layout;
    const { stateChannels, classes, undecidedBelow } = this.#model.manifest;
    const [gray, step, impostors] = [this.#gray, this.#step, this.impostors];
    const state = await this.read();
    return {
      size,
      gray,
      positions,
      neighbours,
      state,
      stateChannels,
      classes,
      undecidedBelow,
      step,
      impostors,
    };
  }

  /**
   * The present drawing with the states of an earlier picture, without waiting for the device.
   * Cells that were dead in it have zero states. Undefined if its size or number of channels is
   * another.
   */
  preview(earlier: Picture): Picture | undefined {
    const { size, positions, neighbours } = this.#layout;
    const { stateChannels } = earlier;
    if (earlier.size !== size || stateChannels !== this.#model.manifest.stateChannels) {
      return undefined;
    }
    const state = new Float32Array(positions.length * stateChannels);
    let old = 0; // both are in reading order
    positions.forEach((cell, row) => {
      while (earlier.positions[old] < cell) old++;
      if (earlier.positions[old] !== cell) return;
      const from = old * stateChannels;
      state.set(earlier.state.subarray(from, from + stateChannels), row * stateChannels);
    });
    const { steps: step, gray, impostors } = this;
    return { ...earlier, step, gray, positions, neighbours, state, impostors };
  }

  /** Frees everything on the device. */
  dispose(): void {
    tf.dispose([this.#state, this.#neighbours, this.#grayPart]);
    this.#impostors.forgetLayout();
  }

  /** The states, [N * state channels], from the device. */
  async read(): Promise<Float32Array> {
    const length = this.living * this.#model.manifest.stateChannels;
    const state = this.#state.clone(); // the next step disposes of the original
    try {
      return ((await state.data()) as Float32Array).subarray(0, length);
    } finally {
      state.dispose();
    }
  }

  /** Lays out new gray values and moves the states of cells that still live to their new rows. */
  #change(
    gray: Float32Array,
    size: number,
    oldCell: (cell: number) => number,
    keep?: Float32Array,
  ): void {
    const before = this.#layout;
    const rowsBefore = this.#state.shape[0];
    this.#gray = gray;
    this.#layout = this.#layOut(gray, size);
    const rows = padded(this.living);
    const from = new Int32Array(rows).fill(rowsBefore); // the row of a dead cell, see below
    const share = new Float32Array(rows);
    origins(before, this.#layout, oldCell).forEach((old, row) => {
      if (old < 0) return;
      from[row] = old;
      share[row] = keep?.[this.#layout.positions[row]] ?? 1;
    });
    const moved = tf.tidy(() => {
      const dead = tf.zeros([1, this.#model.manifest.stateChannels]);
      const table = tf.concat([this.#state, dead as tf.Tensor2D]);
      const kept = tf.gather(table, tf.tensor1d(from, 'int32'));
      return tf.mul<tf.Tensor2D>(kept, tf.tensor2d(share, [rows, 1]));
    });
    this.#replaceState(moved);
    this.#refreshConstants();
  }

  #layOut(gray: Float32Array, size: number): Layout {
    return layOut(gray, size, this.#model.manifest.aliveThreshold);
  }

  #refreshConstants(): void {
    tf.dispose([this.#neighbours, this.#grayPart]);
    this.#neighbours = neighboursOf(this.#layout);
    this.#grayPart = grayPartOf(this.#model, this.#layout);
    this.#impostors.forgetLayout();
  }

  #replaceState(state: tf.Tensor2D): void {
    const old = this.#state;
    this.#state = state;
    old.dispose();
  }

  /** [rows, stateChannels] of [N * stateChannels] numbers. */
  #upload(state: Float32Array): tf.Tensor2D {
    const channels = this.#model.manifest.stateChannels;
    const rows = padded(this.living);
    return tf.tensor2d(extended(state, rows * channels), [rows, channels]);
  }
}

/** Whether a model can use the states, [N * state channels], that another one left. */
function acceptsStates(
  { manifest }: Rule,
  state: Float32Array,
  { manifest: from }: Rule,
): boolean {
  if (manifest.stateChannels !== from.stateChannels || manifest.classes !== from.classes) {
    return false;
  }
  return manifest.name === from.name || largest(state) <= manifest.largestState;
}
