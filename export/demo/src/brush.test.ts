import { expect, test } from 'vitest';
import { coverage } from './brush';

/** Amounts on a canvas, [y][x], rounded to hundredths. */
function drawn(size: number, ...stroke: [number, number, number, number, number]): number[][] {
  const rows = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (const [cell, amount] of coverage(size, ...stroke)) {
    rows[Math.floor(cell / size)][cell % size] = Math.round(amount * 100) / 100;
  }
  return rows;
}

test('a dot in the middle of a cell fills it, half of its rim, none of the rest', () => {
  expect(drawn(3, 1.5, 1.5, 1.5, 1.5, 0.5)).toEqual([
    [0, 0, 0],
    [0, 1, 0],
    [0, 0, 0],
  ]);
  // Radius 1: the four neighbours' centres lie on the rim; the diagonal ones sqrt(2) - 1 outside.
  expect(drawn(3, 1.5, 1.5, 1.5, 1.5, 1)).toEqual([
    [0.09, 0.5, 0.09],
    [0.5, 1, 0.5],
    [0.09, 0.5, 0.09],
  ]);
});

test('a dot on the corner of four cells covers them alike', () => {
  // Their centres are sqrt(0.5) away: 0.5 + 0.5 - 0.707.
  expect(drawn(4, 2, 2, 2, 2, 0.5).slice(1, 3)).toEqual([
    [0, 0.29, 0.29, 0],
    [0, 0.29, 0.29, 0],
  ]);
});

test('a stroke has soft edges and round ends', () => {
  expect(drawn(5, 1.5, 2.5, 3.5, 2.5, 1)).toEqual([
    [0, 0, 0, 0, 0],
    [0.09, 0.5, 0.5, 0.5, 0.09],
    [0.5, 1, 1, 1, 0.5],
    [0.09, 0.5, 0.5, 0.5, 0.09],
    [0, 0, 0, 0, 0],
  ]);
});

test('direction does not matter, and a diagonal has no gap', () => {
  const there = coverage(20, 2, 3, 17, 15, 1.5);
  const back = coverage(20, 17, 15, 2, 3, 1.5);
  expect(there.map(([cell]) => cell)).toEqual(back.map(([cell]) => cell));
  there.forEach(([, amount], i) => expect(amount).toBeCloseTo(back[i][1], 9));
  const amounts = new Map(there);
  for (let t = 0; t <= 1; t += 0.05) {
    const cell = Math.floor(3 + 12 * t) * 20 + Math.floor(2 + 15 * t);
    expect(amounts.get(cell)).toBe(1);
  }
});

test('cells come once, in reading order, with amounts above 0 up to 1', () => {
  const cells = coverage(12, 1, 9, 10, 2, 2.5);
  const order = cells.map(([cell]) => cell);
  expect(order).toEqual([...new Set(order)].sort((a, b) => a - b));
  for (const [, amount] of cells) {
    expect(amount).toBeGreaterThan(0);
    expect(amount).toBeLessThanOrEqual(1);
  }
});

test('what lies outside the canvas is left out', () => {
  expect(coverage(8, -20, 4, -10, 4, 3)).toEqual([]);
  expect(drawn(3, -5, 0.5, 9, 0.5, 0.5)).toEqual([
    [1, 1, 1],
    [0, 0, 0],
    [0, 0, 0],
  ]);
});

test('the stroke of a wide pen is as wide as the pen', () => {
  const column = drawn(20, 10, -5, 10, 25, 3)[10]; // from 7 to 13
  expect(column.reduce((sum, amount) => sum + amount, 0)).toBeCloseTo(6, 5);
  expect(column.slice(7, 13)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(column[6]).toBe(0);
});
