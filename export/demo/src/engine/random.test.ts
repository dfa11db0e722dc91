import { describe, expect, it } from 'vitest';

import { Random } from './random';

const mean = (numbers: ArrayLike<number>): number =>
  Array.from(numbers).reduce((sum, number) => sum + number, 0) / numbers.length;

describe('Random', () => {
  it('repeats itself with the same seed and not with another', () => {
    const draw = (seed: number[]): number[] => [...new Random(seed).normals(8, 1)];
    expect(draw([1, 2, 3])).toEqual(draw([1, 2, 3]));
    expect(draw([1, 2, 3])).not.toEqual(draw([1, 2, 4]));
  });

  it('draws normals of the right mean, deviation and tails', () => {
    const drawn = new Random([1, 2, 3]).normals(100_001, 0.02);
    expect(Math.abs(mean(drawn))).toBeLessThan(4 * (0.02 / Math.sqrt(drawn.length)));
    expect(Math.sqrt(mean(drawn.map((x) => x * x)))).toBeCloseTo(0.02, 3);
    expect(mean(drawn.map((x) => (Math.abs(x) > 0.04 ? 1 : 0)))).toBeCloseTo(0.0455, 2);
    expect(drawn.every(Number.isFinite)).toBe(true);
  });

  it('draws neighbouring normals that are not correlated', () => {
    const drawn = new Random([5, 5, 5]).normals(20_000, 1);
    const products = drawn.slice(1).map((x, i) => x * drawn[i]);
    expect(Math.abs(mean(products))).toBeLessThan(4 / Math.sqrt(products.length));
  });

  it('lets as many cells fire as the rate says, each row with its slot', () => {
    const { firing, slots } = new Random([1, 1, 1]).firing(10_000, 0.3);
    expect(firing.length / 10_000).toBeCloseTo(0.3, 1);
    firing.forEach((row, slot) => expect(slots[row]).toBe(slot));
    expect(slots.filter((slot) => slot >= 0).length).toBe(firing.length);
  });

  it('lets all fire at rate 1 and none at rate 0', () => {
    expect(new Random().firing(50, 1).firing.length).toBe(50);
    expect(new Random().firing(50, 0).firing.length).toBe(0);
  });
});
