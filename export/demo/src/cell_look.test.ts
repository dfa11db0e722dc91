import { expect, test } from 'vitest';

import { lookInWords, Recent } from './cell_look';
import { IMPOSTOR, UNDECIDED } from './census';
import { pictureOf } from './testing/picture_of';

const LINES = ['....', '.33.', '.8?.', '.,..'];
const MIDDLE = 2 * 4 + 1; // the 8

function recent(...steps: number[]): Recent {
  const made = new Recent();
  for (const step of steps) made.push(pictureOf(LINES, step));
  return made;
}

test('a cell with its neighbours, votes and other numbers', () => {
  const look = recent(0).look(MIDDLE)!;
  expect([look.x, look.y, look.label]).toEqual([1, 2, 8]);
  expect(look.around.map(({ label }) => label)).toEqual([
    ...[undefined, 3, 3],
    ...[undefined, 8, UNDECIDED],
    ...[undefined, undefined, undefined],
  ]);
  expect(look.around[7].gray).toBeCloseTo(0.05); // dead, but not white
  expect([...look.votes]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  expect(look.hidden.length).toBe(9);
  expect(lookInWords(look)).toBe(
    'The cell in column 2, row 3 says 8. Its neighbours say 3, 3, ?.',
  );
});

test('dead cells have nothing inside', () => {
  expect(recent(0).look(0)).toBeUndefined();
  expect(new Recent().look(0)).toBeUndefined();
});

test('the course of its votes, a point a step, in bounded memory', () => {
  expect(
    recent(1, 2, 2, 5)
      .look(MIDDLE)!
      .course.map(({ step }) => step),
  ).toEqual([1, 2, 5]);
  expect(
    recent(1, 2, 0)
      .look(MIDDLE)!
      .course.map(({ step }) => step),
  ).toEqual([0]); // reset
  const many = recent(...Array.from({ length: 300 }, (_, i) => i));
  expect(many.look(MIDDLE)!.course.length).toBe(100);
});

test('a cell that was dead before has a shorter course', () => {
  const grown = recent(1);
  grown.push(pictureOf(['....', '.33.', '.8?.', '...5'], 2));
  expect(grown.look(15)!.course.length).toBe(1);
  expect(lookInWords(grown.look(15)!)).toContain('say ?.');
});

test('impostors, and cells that have some beside them', () => {
  const made = new Recent();
  made.push(pictureOf(['....', '.3!.', '.!..', '...!']));
  const words = (cell: number) => lookInWords(made.look(cell)!);
  expect(made.look(2 * 4 + 1)!.label).toBe(IMPOSTOR);
  expect(words(5)).toBe('The cell in column 2, row 2 says 3. Impostors beside it: 2.');
  expect(words(9)).toBe(
    'The cell in column 2, row 3 is an impostor. Its neighbours say 3. Impostors beside it: 1.',
  );
  expect(words(15)).toBe(
    'The cell in column 4, row 4 is an impostor. It has no living neighbour.',
  );
});
