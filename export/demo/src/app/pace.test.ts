import { expect, test } from 'vitest';

import { Pace } from './pace';

/** The steps of a slice after slices in which a step took each of `costs`, in milliseconds. */
function paceAfter(costs: number[], reading = 0): number {
  const pace = new Pace();
  for (const cost of costs)
    pace.record(pace.steps, pace.steps * cost, pace.steps * cost + reading);
  return pace.steps;
}

const often = (cost: number): number[] => new Array<number>(20).fill(cost);

test('a slice blocks the browser for five milliseconds, and grows twofold at most', () => {
  expect(new Pace().steps).toBe(1);
  expect(paceAfter([0.5])).toBe(2);
  expect(paceAfter([0.5, 0.5])).toBe(4);
  expect(paceAfter(often(0.5))).toBe(10);
  expect(paceAfter(often(0.01))).toBe(64);
  expect(paceAfter(often(40))).toBe(1);
});

test('a GPU that is slow to answer gets more to do at once', () => {
  expect(paceAfter(often(0.1), 5)).toBeGreaterThan(40);
  const pace = new Pace();
  for (let i = 0; i < 40; i++) pace.record(pace.steps, 0.1 * pace.steps, 6 + 0.5 * pace.steps);
  expect(pace.steps).toBeGreaterThan(9); // 14 take 13 ms
  expect(pace.steps).toBeLessThan(15);
});

test('interruptions by other programs do not shrink it', () => {
  const busy = Array.from({ length: 32 }, (_, i) => (i % 3 === 0 ? 0.5 : 3));
  expect(paceAfter(busy)).toBe(10);
});

test('it follows when steps become dearer or cheaper for good', () => {
  const dearer = [...often(0.5), ...often(5)];
  expect(paceAfter(dearer)).toBe(1);
  expect(paceAfter([...dearer, ...often(0.5)])).toBe(10);
});

test('with many more cells, or many fewer, it starts with one step', () => {
  const pace = new Pace();
  for (let i = 0; i < 10; i++) pace.record(pace.steps, 0.01, 0.01);
  pace.setLoad(0);
  expect(pace.steps).toBe(64);
  pace.setLoad(90);
  expect(pace.steps).toBe(64);
  pace.setLoad(120);
  expect(pace.steps).toBe(1);
  pace.record(1, 0.5, 0.5);
  pace.setLoad(170);
  expect(pace.steps).toBe(2);
  pace.setLoad(1000);
  expect(pace.steps).toBe(1);
});
