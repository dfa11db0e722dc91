import { expect, test } from 'vitest';

import { bridge, cutOpen, enlarged, leftHalf, oneIn } from './scenes';

/** Gray values of a square canvas from its lines: '#' is full ink. */
function canvas(...lines: string[]): Float32Array {
  return Float32Array.from(lines.join(''), (cell) => (cell === '#' ? 1 : 0));
}

const RING = canvas(
  '............',
  '............',
  '..########..',
  '..########..',
  '..##....##..',
  '..##....##..',
  '..##....##..',
  '..##....##..',
  '..########..',
  '..########..',
  '............',
  '............',
);

test('a ring is cut open on its left, at the middle of its hole', () => {
  const cut = cutOpen(RING, 12, 0.1);
  const open = RING.map((value, cell) => value * (1 - (cut.get(cell) ?? 0)));
  for (const y of [5, 6]) expect([...open.slice(y * 12, y * 12 + 5)]).toEqual([0, 0, 0, 0, 0]);
  expect(open.slice(0, 48)).toEqual(RING.slice(0, 48));
  expect(open[6 * 12 + 8]).toBe(1);
  expect(cutOpen(open, 12, 0.1).size).toBe(0); // there is no hole any more
});

test('the left half of what lives', () => {
  const half = leftHalf(RING, 12, 0.1);
  expect(half.length).toBe(24);
  expect(Math.max(...half.map((cell) => cell % 12))).toBe(5);
});

test('two digits are joined where they are nearest to each other', () => {
  const two = canvas(
    '#.....#.',
    '#.....#.',
    '##....#.',
    '#.....#.',
    '#....##.',
    '#.....#.',
    '#.......',
    '........',
  );
  const line = bridge(two, 8, 0.1);
  const joined = two.map((value, cell) => Math.max(value, line.get(cell) ?? 0));
  expect([...joined.slice(3 * 8 + 1, 3 * 8 + 6)].every((value) => value > 0.5)).toBe(true);
  expect(joined[0 * 8 + 3]).toBe(0);
  expect(bridge(new Float32Array(64), 8, 0.1).size).toBe(0);
});

test('a picture is enlarged around the middle', () => {
  const large = enlarged(canvas('....', '.##.', '.##.', '....'), 2, 10);
  const shown = Array.from({ length: 10 }, (_, y) => large[y * 10 + 5] > 0.5);
  expect(shown).toEqual([false, false, false, true, true, true, true, false, false, false]);
  expect(Math.max(...large)).toBe(1);
});

test('one living cell in ten, all over the drawing', () => {
  const cells = oneIn(10, RING, 0.1);
  expect(cells.length).toBe(5); // of 48
  expect(cells.every((cell) => RING[cell] === 1)).toBe(true);
  expect(new Set(cells.map((cell) => Math.floor(cell / 12))).size).toBeGreaterThanOrEqual(4);
});
