/** Where things of the curve go: ticks, bands of votes and the digits in them. Draws nothing. */

import type { CurvePoint } from './curve_points';

/** The x axis shows at least this many CA steps. */
export const FIRST_STEPS = 200;

/** Round tick values from 0 to `end`: 1, 2 or 5 times a power of ten apart, at most `most`. */
export function ticks(end: number, most: number): number[] {
  const least = end / Math.max(1, most - 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const apart = [1, 2, 5, 10].map((unit) => unit * power).find((unit) => unit >= least * 0.999)!;
  const result = [];
  for (let tick = 0; tick <= end * 1.001; tick += apart) result.push(tick);
  return result;
}

/** Steps a point, so that points are a pixel or more apart: a power of two, to change seldom. */
export function pixelResolution(steps: number, pixels: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(steps / Math.max(1, pixels))));
}

/** One label's band of the stacked area: its lower and upper edge at each point, 0 to 1. */
export interface Band {
  lower: Float32Array;
  upper: Float32Array;
}

/** Bands from the bottom up: label 0, 1, ..., and last the undecided. */
export function bands(points: readonly CurvePoint[], classes: number): Band[] {
  let lower = new Float32Array(points.length);
  const result: Band[] = [];
  for (let label = 0; label <= classes; label++) {
    const upper = lower.map(
      (edge, i) => edge + (label < classes ? points[i].votes[label] : points[i].undecided),
    );
    result.push({ lower, upper });
    lower = upper;
  }
  return result;
}

/**
 * Where along a band its digit can be written: once in a short stretch that is high enough, at
 * its highest point; repeatedly in a long one, at places that stay when it grows.
 *
 * @param xs [N] of the points, rising, in CSS pixels.
 * @param heights [N] of the band, in CSS pixels.
 * @param room height and width that a digit needs.
 * @returns indices of points.
 */
export function digitSpots(
  xs: readonly number[],
  heights: readonly number[],
  room: { height: number; width: number },
): number[] {
  const apart = room.width * 12;
  const result: number[] = [];
  for (let start = 0; start < xs.length; start++) {
    if (heights[start] < room.height) continue;
    let end = start;
    while (end + 1 < xs.length && heights[end + 1] >= room.height) end++;
    if (xs[end] - xs[start] < apart) {
      if (xs[end] - xs[start] >= room.width) result.push(highest(xs, heights, start, end, room));
    } else {
      for (let x = xs[start] + room.width * 2; x < xs[end] - room.width; x += apart) {
        result.push(indexAt(xs, x, start));
      }
    }
    start = end;
  }
  return result;
}

/**
 * Where a line passes so near the middle of a band that a digit would not be readable there.
 *
 * @param middles [N] of the band, in CSS pixels.
 * @param lines [N] each, in CSS pixels.
 * @param near less than this, in CSS pixels.
 */
export function crossings(
  middles: readonly number[],
  lines: readonly (readonly number[])[],
  near: number,
): boolean[] {
  return middles.map((middle, i) =>
    lines.some((line) => {
      const around = line.slice(Math.max(0, i - 1), i + 2); // steep lines cross between points
      return Math.min(...around) < middle + near && Math.max(...around) > middle - near;
    }),
  );
}

/** Index of the highest point that is half a digit or more away from both ends. */
function highest(
  xs: readonly number[],
  heights: readonly number[],
  start: number,
  end: number,
  room: { width: number },
): number {
  const [from, to] = [xs[start] + room.width / 2, xs[end] - room.width / 2];
  let best = indexAt(xs, from, start);
  for (let i = best; i <= end && xs[i] <= to; i++) {
    if (heights[i] > heights[best]) best = i;
  }
  return best;
}

/** Index of the first point at x or beyond. */
function indexAt(xs: readonly number[], x: number, start: number): number {
  let i = start;
  while (i + 1 < xs.length && xs[i] < x) i++;
  return i;
}
