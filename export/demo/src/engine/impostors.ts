/**
 * Impostors: cells among the others that follow a second rule.
 *
 * In a step each rule computes only the firing cells that follow it, both from the same states.
 */

import type * as tf from '@tensorflow/tfjs-core';

import type { Layout } from './layout';
import type { Rule } from './model';
import { grayPartOf } from './rows';

/** Cells, y * size + x. */
export type Places = ReadonlySet<number>;

export const NOWHERE: Places = new Set();

/** The cells that fire in a step, and their noise, as `Cells.stepWith` takes them. */
export interface Turn {
  readonly firing: Int32Array;
  readonly slots: Int32Array;
  readonly noise: Float32Array | undefined;
}

/** Where the impostors of a canvas are, and their rule. */
export class Impostors {
  #rule: Rule | undefined;
  #places = NOWHERE;
  // Kept from step to step, until something changes.
  #rows: Uint8Array | undefined;
  #grayPart: tf.Tensor2D | undefined;

  get rule(): Rule | undefined {
    return this.#rule;
  }

  set rule(rule: Rule | undefined) {
    this.#rule = rule;
    this.forgetLayout();
  }

  /** Dead cells may be among them: they are impostors once they live. */
  get places(): Places {
    return this.#places;
  }

  set places(places: Places) {
    this.#places = places;
    this.#rows = undefined;
    if (places.size === 0) this.forgetLayout();
  }

  /** Whether they can live among the cells of a model. */
  fit({ manifest: { stateChannels, classes } }: Rule): boolean {
    const own = this.#rule?.manifest;
    return own?.stateChannels === stateChannels && own.classes === classes;
  }

  /** The part of each rule in a step; undefined where no living cell is an impostor. */
  share(turn: Turn, layout: Layout): { honest: Turn; impostors: Turn } | undefined {
    if (this.#places.size === 0 || !this.#rule) return undefined;
    this.#rows ??= Uint8Array.from(layout.positions, (cell) => Number(this.#places.has(cell)));
    if (!this.#rows.includes(1)) return undefined;
    const { stateChannels } = this.#rule.manifest;
    return {
      honest: part(turn, this.#rows, 0, stateChannels),
      impostors: part(turn, this.#rows, 1, stateChannels),
    };
  }

  /** Of their own rule, as `grayPartOf`; kept until the layout changes. */
  grayPart(layout: Layout): tf.Tensor2D {
    return (this.#grayPart ??= grayPartOf(this.#rule!, layout));
  }

  /** To be called when the canvas has another layout. Frees everything on the device. */
  forgetLayout(): void {
    this.#rows = undefined;
    this.#grayPart?.dispose();
    this.#grayPart = undefined;
  }
}

/** The part of a turn that belongs to the rows where `rows` equals `wanted`. */
function part(
  { firing, slots, noise }: Turn,
  rows: Uint8Array,
  wanted: number,
  channels: number,
): Turn {
  const own = firing.filter((row) => rows[row] === wanted);
  const ownSlots = new Int32Array(slots.length).fill(-1);
  const ownNoise = noise && new Float32Array(own.length * channels);
  own.forEach((row, slot) => {
    ownSlots[row] = slot;
    const from = slots[row] * channels;
    if (noise) ownNoise?.set(noise.subarray(from, from + channels), slot * channels);
  });
  return { firing: own, slots: ownSlots, noise: ownNoise };
}
