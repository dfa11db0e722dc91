/** A rule for tests that can be followed by hand, and canvases as text. */

import * as tf from '@tensorflow/tfjs-core';

import type { Cells } from '../engine/cells';
import type { Manifest } from '../engine/manifest';
import type { Rule } from '../engine/model';

const CHANNELS = 2;

/**
 * A rule that can be followed by hand: a firing cell adds to its own state the states of its
 * neighbourhood (itself included), the gray of its neighbourhood, and its noise, all multiplied by
 * `times`.
 */
export function adding(changes: Partial<Manifest> = {}, times = 1): Rule {
  const stateChannels = changes.stateChannels ?? CHANNELS;
  const manifest = {
    name: 'adding',
    stateChannels,
    classes: 2,
    largestState: 100,
    aliveThreshold: 0.1,
    undecidedBelow: 0.01,
    fireRate: 1,
    residualNoise: 0,
    ...changes,
  } as unknown as Manifest;
  return {
    manifest,
    grayPart: (gray) => tf.sum(gray, 1, true),
    step: ({ state, neighbours, gray_part, firing, slots, noise }) => {
      const zero = tf.zeros([1, stateChannels]);
      const seen = tf.gather(tf.concat([state, zero]), tf.gather(neighbours, firing)); // [F, 9, S]
      const added = tf.add(tf.add(tf.sum(seen, 1), tf.gather(gray_part, firing)), noise);
      return tf.add(
        state,
        tf.gather(tf.concat([tf.mul(added, times), zero]), slots),
      ) as tf.Tensor2D;
    },
  };
}

/** The first state channel as text, a line a row of the canvas, dots for dead cells. */
export async function shown(cells: Cells): Promise<string> {
  const { size, positions, state } = await cells.picture();
  const texts = new Array<string>(size * size).fill('.');
  positions.forEach(
    (cell, row) => (texts[cell] = `${Math.round(state[row * CHANNELS] * 100) / 100}`),
  );
  return Array.from({ length: size }, (_, y) =>
    texts.slice(y * size, (y + 1) * size).join(' '),
  ).join('\n');
}

/** Gray values from such a text. */
export function canvas(text: string): Float32Array {
  return Float32Array.from(text.trim().split(/\s+/), (cell) => (cell === '.' ? 0 : Number(cell)));
}
