import { describe, expect, it } from 'vitest';

import { Stroke } from './stroke';

/** What is left of white paper after all amounts, [size * size]. */
function paper(size: number, parts: Map<number, number>[]): number[] {
  const left = new Array<number>(size * size).fill(1);
  for (const part of parts) for (const [cell, amount] of part) left[cell] *= 1 - amount;
  return left;
}

describe('Stroke', () => {
  const start = { x: 2.3, y: 4 };

  it('covers the same however many events it comes in', () => {
    const points = Array.from({ length: 41 }, (_, i) => ({ x: 2.3 + i * 0.25, y: 4 + i * 0.1 }));
    const whole = new Stroke(16, start, 1.4).through([start, points.at(-1)!]);
    const one = new Stroke(16, start, 1.4);
    const inParts = points.map((point) => one.through([point]));
    const [a, b] = [paper(16, [whole]), paper(16, inParts)];
    a.forEach((value, cell) => expect(value).toBeCloseTo(b[cell], 1));
    expect(a.filter((value) => value < 0.1).length).toBeGreaterThan(10);
  });

  it('covers most of the cells that lie within its width', () => {
    const stroke = new Stroke(16, { x: 4.5, y: 4.5 }, 1);
    stroke.through([{ x: 8.5, y: 4.5 }]);
    const covered = [...Array(16 * 16).keys()].filter((cell) => stroke.covers(cell));
    expect(covered.length).toBe(3 * 5 + 2);
    expect(stroke.covers(5 * 16 + 6)).toBe(true); // half of it
    expect(stroke.covers(6 * 16 + 6)).toBe(false);
  });

  it('adds nothing by staying where it is', () => {
    const stroke = new Stroke(16, start, 1.4);
    expect(stroke.through([start]).size).toBeGreaterThan(0);
    expect(stroke.through([start, start]).size).toBe(0);
  });
});
