import { expect, test } from 'vitest';
import type { Census } from '../census';
import { Curve, MOST_POINTS } from './curve';

/** Ten cells: `threes` of them say 3, the others have no label. */
function saying(threes: number): Census {
  const votes = new Int32Array(10);
  votes[3] = threes;
  return {
    living: 10,
    impostors: 0,
    votes,
    undecided: 10 - threes,
    pieces: [],
    share: threes / 10,
    agreement: threes === 10 ? 1 : 0,
  };
}

const steps = (curve: Curve) => curve.values.map(({ step }) => step);

test('a point is the census in shares', () => {
  const curve = new Curve();
  expect(curve.last).toBeUndefined();
  curve.push(0, saying(0));
  curve.push(4, saying(7));
  expect(steps(curve)).toEqual([0, 4]);
  const { share, agreement, votes, undecided } = curve.last!;
  expect([share, agreement]).toEqual([0.7, 0]);
  expect(undecided).toBeCloseTo(0.3, 9);
  expect([...votes].map((vote) => Math.round(vote * 100))).toEqual([
    0, 0, 0, 70, 0, 0, 0, 0, 0, 0,
  ]);
});

test('a canvas without living cells has no votes', () => {
  const curve = new Curve();
  curve.push(0, { ...saying(0), living: 0, undecided: 0 });
  expect([...curve.last!.votes, curve.last!.undecided]).toEqual(new Array(11).fill(0));
});

test('the same step again replaces the point', () => {
  const curve = new Curve();
  curve.push(5, saying(2));
  curve.push(5, saying(9));
  expect(curve.values.map(({ step, share }) => [step, share])).toEqual([[5, 0.9]]);
});

test('when steps go back, the curve goes on', () => {
  const curve = new Curve();
  for (const step of [0, 50, 100, 0, 1, 2]) curve.push(step, saying(step % 10));
  expect(steps(curve)).toEqual([0, 50, 100, 101, 102]);
  curve.push(1, saying(1));
  curve.push(3, saying(3));
  expect(steps(curve)).toEqual([0, 50, 100, 101, 102, 104]);
  curve.clear();
  curve.push(7, saying(1));
  expect(steps(curve)).toEqual([7]);
});

test('memory is bounded: the curve thins out, and keeps its averages and its end', () => {
  const curve = new Curve();
  let most = 0;
  for (let step = 0; step < 5 * MOST_POINTS; step++) {
    curve.push(step, saying(step % 2 ? 10 : 4));
    most = Math.max(most, curve.values.length);
  }
  expect(most).toBeLessThan(MOST_POINTS);
  // Steps 0 to 9,999, eight to a point: halved at 2,000, 4,000 and 8,000 steps.
  expect(curve.values).toHaveLength(1250);
  expect(curve.values[0]).toMatchObject({ step: 3.5, weight: 8, agreement: 0.5 });
  expect(curve.values[0].share).toBeCloseTo(0.7, 9);
  expect(curve.values[0].votes[3]).toBeCloseTo(0.7, 6);
  expect(curve.values[0].undecided).toBeCloseTo(0.3, 6);
  expect(steps(curve).every((step, i) => step === 8 * i + 3.5)).toBe(true);
  expect(curve.last).toMatchObject({ step: 9999, share: 1 });
});

test('pushing the same step many times does not change a thinned curve', () => {
  const curve = new Curve();
  for (let step = 0; step <= MOST_POINTS + 1; step++) curve.push(step, saying(10));
  for (let i = 0; i < 50; i++) curve.push(MOST_POINTS + 1, saying(0));
  expect(curve.last!.share).toBe(0);
  expect(curve.values.at(-1)!.share).toBe(1);
});

test('marks stand at the newest step, and a stroke is one span', () => {
  const curve = new Curve();
  curve.push(10, saying(1));
  curve.mark(10, 'mutation');
  for (let step = 20; step <= 32; step += 4) {
    curve.mark(step, 'drawing');
    curve.push(step, saying(1));
  }
  curve.mark(60, 'drawing');
  curve.mark(60, 'reset');
  curve.push(60, saying(1));
  curve.push(0, saying(1));
  curve.mark(0, 'model');
  curve.mark(2, 'mutation');
  expect(curve.marks).toEqual([
    { kind: 'mutation', from: 10, to: 10 },
    { kind: 'drawing', from: 20, to: 32 },
    { kind: 'drawing', from: 60, to: 60 },
    { kind: 'reset', from: 60, to: 60 },
    { kind: 'model', from: 60, to: 60 },
    { kind: 'mutation', from: 62, to: 62 },
  ]);
  curve.clear();
  expect(curve.marks).toEqual([]);
});

test('the oldest marks go when there are too many', () => {
  const curve = new Curve();
  for (let step = 0; step < 1000; step++) curve.mark(step, 'mutation');
  expect(curve.marks).toHaveLength(200);
  expect(curve.marks[0].from).toBe(800);
});
