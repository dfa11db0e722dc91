/**
 * A canvas under one model, or the same canvas under two, side by side. All edits apply to both.
 */

import * as tf from '@tensorflow/tfjs-core';

import { Cells, type Snapshot } from './cells';
import type { Places } from './impostors';
import type { Rule } from './model';

/** A colony as it was, for undo: a snapshot of each canvas. */
export type Snapshots = readonly Snapshot[];

/** One canvas that is shown, and perhaps its twin under another model. */
export class Colony {
  readonly main: Cells;
  #twin: Cells | undefined;
  #impostorRule: Rule | undefined;

  constructor(main: Cells) {
    this.main = main;
  }

  get twin(): Cells | undefined {
    return this.#twin;
  }

  /** The main canvas, and the twin if there is one. */
  get all(): Cells[] {
    return this.#twin ? [this.main, this.#twin] : [this.main];
  }

  get size(): number {
    return this.main.size;
  }

  /** Number of living cells, on both canvases if there are two. */
  get living(): number {
    return this.all.reduce((sum, cells) => sum + cells.living, 0);
  }

  /** CA steps since the last reset. */
  get steps(): number {
    return this.main.steps;
  }

  /** The rule of impostors, if it is loaded. */
  get impostorRule(): Rule | undefined {
    return this.#impostorRule;
  }

  /** Where the impostors of the main canvas are, as `Cells.impostors`. */
  get impostors(): Places {
    return this.main.impostors;
  }

  /** Sets them on each canvas whose model accepts impostors. */
  set impostors(places: Places) {
    for (const cells of this.all) cells.impostors = places;
  }

  /** As `Cells.useImpostors`. */
  useImpostors(rule: Rule): void {
    this.#impostorRule = rule;
    for (const cells of this.all) cells.useImpostors(rule);
  }

  /** As `Cells.mark`. */
  mark(marked: Iterable<number>, impostors: boolean): void {
    const all = [...marked];
    for (const cells of this.all) cells.mark(all, impostors);
  }

  /** Adds the same drawing under another model; the cells of both canvases start again. */
  addTwin(model: Rule): void {
    this.removeTwin();
    this.#twin = new Cells(model, this.size);
    this.#twin.mutate(this.main.gray);
    if (this.#impostorRule) this.#twin.useImpostors(this.#impostorRule);
    this.#twin.impostors = this.impostors;
    this.reset();
  }

  /** Removes the second canvas, if there is one. */
  removeTwin(): void {
    this.#twin?.dispose();
    this.#twin = undefined;
  }

  step(): void {
    for (const cells of this.all) cells.step();
  }

  /** As `Cells.paint`. */
  paint(amounts: ReadonlyMap<number, number>, ink: number | null): void {
    for (const cells of this.all) cells.paint(amounts, ink);
  }

  /** As `Cells.mutate`. */
  mutate(gray: Float32Array): void {
    for (const cells of this.all) cells.mutate(gray);
  }

  /** As `Cells.forget`. */
  forget(forgotten: Iterable<number>): void {
    const all = [...forgotten];
    for (const cells of this.all) cells.forget(all);
  }

  reset(): void {
    for (const cells of this.all) cells.reset();
  }

  /** As `Cells.resize`. */
  resize(size: number): void {
    for (const cells of this.all) cells.resize(size);
  }

  /**
   * Moves everything to another backend of TensorFlow.js.
   *
   * @param change makes the new backend the current one, and gives what it has loaded there: the
   *   model of each canvas, then the impostors' rule if there is one. If it fails, the cells stay
   *   on the old backend.
   */
  async move(change: () => Promise<Rule[]>): Promise<void> {
    const before = tf.getBackend();
    const states = await Promise.all(this.all.map((cells) => cells.read()));
    let models: Rule[];
    try {
      models = await change();
    } catch (error) {
      await tf.setBackend(before);
      throw error;
    }
    this.all.forEach((cells, i) => cells.moveTo(models[i], states[i]));
    const impostorRule = models[this.all.length];
    if (impostorRule) this.useImpostors(impostorRule);
  }

  snapshot(): Snapshots {
    return this.all.map((cells) => cells.snapshot());
  }

  /** As `Cells.restore`; a twin that was added later gets the drawing of the first. */
  async restore(snapshots: Snapshots): Promise<boolean> {
    let statesKept = true;
    for (const [i, cells] of this.all.entries()) {
      if (!(await cells.restore(snapshots[i] ?? snapshots[0]))) statesKept = false;
    }
    return statesKept;
  }
}
