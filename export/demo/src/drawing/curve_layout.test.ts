import { expect, test } from 'vitest';
import { percentage, rowsOf } from './curve_key';
import { bands, crossings, digitSpots, pixelResolution, ticks } from './curve_layout';
import type { CurvePoint } from './curve_points';

const ROOM = { height: 15, width: 10 };

test('ticks are round numbers', () => {
  expect(ticks(200, 5)).toEqual([0, 50, 100, 150, 200]);
  expect(ticks(200, 4)).toEqual([0, 100, 200]);
  expect(ticks(1234, 8)).toEqual([0, 200, 400, 600, 800, 1000, 1200]);
  expect(ticks(99_000, 6)).toEqual([0, 20_000, 40_000, 60_000, 80_000]);
});

test('there are never more ticks than asked for', () => {
  for (let end = 200; end < 50_000; end = Math.ceil(end * 1.07)) {
    for (const most of [2, 4, 9]) {
      expect(ticks(end, most).length).toBeLessThanOrEqual(most);
      expect(ticks(end, most).length).toBeGreaterThanOrEqual(Math.floor(most / 3));
    }
  }
});

test('steps a pixel, as a power of two', () => {
  expect(pixelResolution(200, 650)).toBe(1);
  expect(pixelResolution(650, 650)).toBe(1);
  expect(pixelResolution(651, 650)).toBe(2);
  expect(pixelResolution(2601, 650)).toBe(8);
});

test('bands are stacked, the undecided on top', () => {
  const point = (votes: number[], undecided: number) =>
    ({ votes: Float32Array.from(votes), undecided }) as CurvePoint;
  const stack = bands([point([0.25, 0.5], 0.25), point([0, 1], 0)], 2);
  expect(stack.map(({ lower, upper }) => [[...lower], [...upper]])).toEqual([
    [
      [0, 0],
      [0.25, 0],
    ],
    [
      [0.25, 0],
      [0.75, 1],
    ],
    [
      [0.75, 1],
      [1, 1],
    ],
  ]);
});

test('a short stretch gets one digit, where it is highest', () => {
  const xs = Array.from({ length: 40 }, (_, i) => i);
  const heights = xs.map((x) => (x < 10 || x > 30 ? 3 : 30 - Math.abs(x - 18)));
  expect(digitSpots(xs, heights, ROOM)).toEqual([18]);
});

test('the digit keeps away from the ends of its stretch', () => {
  const xs = Array.from({ length: 40 }, (_, i) => i);
  const heights = xs.map((x) => (x < 10 || x > 30 ? 3 : x + 20)); // highest at the very end
  expect(digitSpots(xs, heights, ROOM)).toEqual([25]);
});

test('too low or too narrow a stretch gets none', () => {
  const xs = Array.from({ length: 40 }, (_, i) => i);
  expect(digitSpots(xs, new Array(40).fill(14.9), ROOM)).toEqual([]);
  const narrow = xs.map((x) => (x >= 10 && x < 19 ? 50 : 0));
  expect(digitSpots(xs, narrow, ROOM)).toEqual([]);
});

test('a long stretch gets digits that stay where they are when it grows', () => {
  const spots = (length: number) => {
    const xs = Array.from({ length }, (_, i) => i);
    return digitSpots(xs, new Array(length).fill(100), ROOM);
  };
  expect(spots(300)).toEqual([20, 140, 260]);
  expect(spots(301)).toEqual([20, 140, 260]);
  expect(spots(200)).toEqual([20, 140]);
});

test('lines cross a band where they come near its middle, steep ones between points', () => {
  const middles = [50, 50, 50, 50, 50, 50];
  expect(crossings(middles, [[90, 90, 90, 90, 55, 90]], 10)).toEqual([
    false,
    false,
    false,
    true,
    true,
    true,
  ]);
  expect(crossings(middles, [[0, 0, 0, 100, 100, 100]], 10)).toEqual([
    false,
    false,
    true,
    true,
    false,
    false,
  ]);
  expect(crossings(middles, [], 10)).not.toContain(true);
});

test('entries of the key are laid out in rows', () => {
  const entries = [{ width: 100 }, { width: 80 }, { width: 90 }];
  expect(rowsOf(entries, 302)).toEqual([entries]); // 100 + 16 + 80 + 16 + 90
  expect(rowsOf(entries, 301)).toEqual([entries.slice(0, 2), entries.slice(2)]);
  expect(rowsOf(entries, 50)).toEqual(entries.map((entry) => [entry]));
});

test('percentages say 100 only if all agree, and 0 only if none', () => {
  expect([1, 0.9999, 0.984, 0.004, 0].map(percentage)).toEqual([
    '100 %',
    '99 %',
    '98 %',
    '1 %',
    '0 %',
  ]);
});
