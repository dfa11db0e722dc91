/**
 * States that run away: they may grow without limit if a model gets states unlike those of its
 * training, or runs for very long. What such cells say means nothing.
 */

import type { Picture } from './picture';

/** States above this many times a model's usual largest state have run away. */
export const TOO_MANY_TIMES = 10;

/** The largest absolute value; NaN counts as infinite. */
export function largest(state: Float32Array): number {
  let found = 0;
  for (const value of state) {
    const size = Math.abs(value);
    if (!(size <= found)) found = Number.isNaN(size) ? Infinity : size;
  }
  return found;
}

/**
 * The cells of each connected group in which a state is not finite or above the limit.
 *
 * @returns cells, y * size + x; none in a healthy picture.
 */
export function runaways(
  { state, stateChannels, positions, neighbours }: Picture,
  limit: number,
): number[] {
  if (largest(state) <= limit) return [];
  const found = new Set<number>();
  for (let row = 0; row < positions.length; row++) {
    const own = state.subarray(row * stateChannels, (row + 1) * stateChannels);
    if (largest(own) > limit) found.add(row);
  }
  for (const row of found) {
    // The outer loop also visits the rows that are added here.
    for (const other of neighbours.subarray(row * 9, row * 9 + 9)) {
      if (other < positions.length) found.add(other);
    }
  }
  return [...found].map((row) => positions[row]);
}
