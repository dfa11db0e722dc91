import { expect, test } from 'vitest';

import { DIGIT_SIDE, shrunk } from './shrink';

const SIZE = 56;

/** A canvas with bars of full ink: [left, top, width, height]. */
function drawing(...bars: number[][]): Float32Array {
  const gray = new Float32Array(SIZE * SIZE);
  for (const [left, top, width, height] of bars) {
    for (let y = top; y < top + height; y++) {
      gray.fill(1, y * SIZE + left, y * SIZE + left + width);
    }
  }
  return gray;
}

const cellsOf = (gray: Float32Array): number[] => [...gray.keys()].filter((i) => gray[i] > 0.1);

test('a large piece becomes as large as a digit of MNIST, where it stands', () => {
  const tall = drawing([26, 6, 4, 44]);
  const box = { left: 26, top: 6, right: 30, bottom: 50 };
  const small = shrunk(tall, SIZE, new Set(cellsOf(tall)), box);
  const rows = cellsOf(small).map((cell) => Math.floor(cell / SIZE));
  const high = rows.at(-1)! - rows[0] + 1;
  expect(high).toBeGreaterThanOrEqual(DIGIT_SIDE);
  expect(high).toBeLessThanOrEqual(DIGIT_SIDE + 2); // with a soft rim
  expect((rows[0] + rows.at(-1)! + 1) / 2).toBe(28);
  expect(Math.max(...small)).toBe(1); // its ink stays dark
});

test('other pieces stay as they are', () => {
  const tall = drawing([40, 6, 4, 44]);
  const other = drawing([4, 4, 6, 6]);
  const both = tall.map((value, i) => Math.max(value, other[i]));
  const box = { left: 40, top: 6, right: 44, bottom: 50 };
  const small = shrunk(both, SIZE, new Set(cellsOf(tall)), box);
  expect(cellsOf(small).filter((cell) => cell % SIZE < 20)).toEqual(cellsOf(other));
});

test('the faint rim goes with the piece, also at the edge of the canvas', () => {
  const tall = drawing([0, 0, 4, 56]);
  for (let y = 0; y < SIZE; y++) tall[y * SIZE + 4] = 0.08;
  const box = { left: 0, top: 0, right: 4, bottom: 56 };
  const small = shrunk(tall, SIZE, new Set(cellsOf(tall)), box);
  expect(small[4]).toBe(0);
  expect(cellsOf(small).every((cell) => Math.abs(Math.floor(cell / SIZE) - 28) <= 11)).toBe(true);
});
