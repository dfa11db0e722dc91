/**
 * Padding: tables with a few more rows than there are cells.
 */

import * as tf from '@tensorflow/tfjs-core';

import type { Layout } from './layout';
import type { Rule } from './model';

/**
 * On a GPU each new shape costs the compilation of its shaders, so rows come in blocks of this
 * size there. Surplus rows never fire.
 */
const GPU_BLOCK = 128;

/** How many rows to make room for: at least one, since no graph takes an empty table. */
export function padded(count: number): number {
  const block = tf.getBackend().startsWith('webg') ? GPU_BLOCK : 1;
  return Math.max(1, Math.ceil(count / block)) * block;
}

/** The numbers, with zeros behind them up to `length`. */
export function extended<T extends Int32Array | Float32Array>(numbers: T, length: number): T {
  if (numbers.length === length) return numbers;
  const longer = new (numbers.constructor as new (length: number) => T)(length);
  longer.set(numbers);
  return longer;
}

/** The rows of each row's neighbourhood, [rows, 9]; `rows` for a dead cell. */
export function neighboursOf({ living, neighbours }: Layout): tf.Tensor2D {
  const rows = padded(living);
  const table = new Int32Array(rows * 9).fill(rows);
  neighbours.forEach((row, i) => {
    if (row < living) table[i] = row;
  });
  return tf.tensor2d(table, [rows, 9], 'int32');
}

/** What a rule makes of the gray values, [rows, hidden], the same in every step. */
export function grayPartOf(rule: Rule, { living, grayPatches }: Layout): tf.Tensor2D {
  const rows = padded(living);
  const patches = extended(grayPatches, rows * 9);
  return tf.tidy(() => rule.grayPart(tf.tensor2d(patches, [rows, 9])));
}
