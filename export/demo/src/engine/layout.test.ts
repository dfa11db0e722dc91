import { describe, expect, it } from 'vitest';

import { layOut } from './layout';

const THRESHOLD = 0.1;

describe('layOut', () => {
  // A 3x3 canvas: . is dead and white, g dead but gray.
  //   1 . .
  //   2 3 g
  //   . . 4
  const gray = Float32Array.from([1, 0, 0, 0.5, 0.2, 0.05, 0, 0, 1]);
  const layout = layOut(gray, 3, THRESHOLD);

  it('numbers the living cells in reading order', () => {
    expect([...layout.positions]).toEqual([0, 3, 4, 8]);
    expect(layout.living).toBe(4);
    expect([...layout.rows]).toEqual([0, -1, -1, 1, 2, -1, -1, -1, 3]);
  });

  it('lists neighbourhoods row by row, N for dead cells and beyond the edge', () => {
    expect([...layout.neighbours.subarray(0, 9)]).toEqual([4, 4, 4, 4, 0, 4, 4, 1, 2]);
    expect([...layout.neighbours.subarray(18, 27)]).toEqual([0, 4, 4, 1, 2, 4, 4, 4, 3]);
  });

  it('shows the gray of dead neighbours too, and 0 beyond the edge', () => {
    const patch = [...layout.grayPatches.subarray(18, 27)].map((value) => value.toFixed(2));
    expect(patch).toEqual([
      '1.00',
      '0.00',
      '0.00',
      '0.50',
      '0.20',
      '0.05',
      '0.00',
      '0.00',
      '1.00',
    ]);
    expect(layout.grayPatches[0]).toBe(0);
  });

  it('counts a cell as dead at exactly the threshold', () => {
    expect(layOut(Float32Array.from([0.5, 0.25]), 1, 0.25).living).toBe(1);
  });

  it('takes an empty canvas', () => {
    expect(layOut(new Float32Array(4), 2, THRESHOLD).living).toBe(0);
  });
});
