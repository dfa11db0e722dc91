/** Makes one piece of a drawing smaller. Knows nothing of the page. */

import type { Box } from './pieces';

/** A digit of MNIST is 20 cells high or wide, in a picture of 28. */
export const DIGIT_SIDE = 20;

/** By this factor a shrunk line is bolder than in proportion: MNIST's are 2 to 3 cells wide. */
const BOLDER = 1.6;

/**
 * A drawing on which one piece is shrunk around its middle, to the size of a digit of MNIST.
 *
 * @param gray [size * size], 0 to 1.
 * @param piece its cells, y * size + x.
 * @param box around them.
 */
export function shrunk(
  gray: Float32Array,
  size: number,
  piece: ReadonlySet<number>,
  { left, top, right, bottom }: Pick<Box, 'left' | 'top' | 'right' | 'bottom'>,
): Float32Array {
  const result = gray.slice();
  const layer = new Float32Array(gray.length);
  for (const cell of withRim(piece, size)) {
    layer[cell] = gray[cell];
    result[cell] = 0;
  }
  const factor = Math.max(right - left, bottom - top) / DIGIT_SIDE;
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  const half = (factor * BOLDER) / 2;
  const reach = DIGIT_SIDE / 2 + 1;
  for (let y = Math.floor(middleY - reach); y < middleY + reach; y++) {
    for (let x = Math.floor(middleX - reach); x < middleX + reach; x++) {
      if (x < 0 || y < 0 || x >= size || y >= size) continue;
      // The middle of the cell, as far from the middle of the piece as it was before.
      const fromX = middleX + (x + 0.5 - middleX) * factor;
      const fromY = middleY + (y + 0.5 - middleY) * factor;
      const ink = BOLDER * mean(layer, size, fromX - half, fromY - half, 2 * half);
      const cell = y * size + x;
      result[cell] = Math.max(result[cell], Math.min(1, ink));
    }
  }
  return result;
}

/** A piece and the faint cells around it, which are dead but part of the stroke. */
function withRim(piece: ReadonlySet<number>, size: number): Set<number> {
  const all = new Set(piece);
  for (const cell of piece) {
    const x = cell % size;
    for (let dy = -size; dy <= size; dy += size) {
      for (let dx = -1; dx <= 1; dx++) {
        if (x + dx >= 0 && x + dx < size) all.add(cell + dy + dx);
      }
    }
  }
  return all;
}

/** The mean of a square part of a layer, which may cut through cells; outside there is no ink. */
function mean(layer: Float32Array, size: number, left: number, top: number, side: number): number {
  let sum = 0;
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(size, top + side); y++) {
    const high = Math.min(y + 1, top + side) - Math.max(y, top);
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(size, left + side); x++) {
      const wide = Math.min(x + 1, left + side) - Math.max(x, left);
      sum += layer[y * size + x] * wide * high;
    }
  }
  return sum / (side * side);
}
