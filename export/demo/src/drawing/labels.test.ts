import { expect, test } from 'vitest';
import { census, labels } from '../census';
import { pictureOf } from '../testing/picture_of';
import { labelSpot } from './labels';

const LABEL = { width: 20, height: 20 };

// At 10 CSS pixels a cell a label takes 2 x 2 cells.
function spots(lines: string[]) {
  const picture = pictureOf(lines);
  const taken: ReturnType<typeof labelSpot>[] = [];
  for (const piece of census(picture, labels(picture)).pieces) {
    taken.push(labelSpot(picture, piece, 10, LABEL, taken));
  }
  return taken.map(({ x, y }) => [x, y]);
}

test('a label stands above the middle of its piece', () => {
  expect(
    spots([
      '..........',
      '..........',
      '..........',
      '..........',
      '...3333...',
      '...3333...',
      '...3333...',
      '..........',
      '..........',
      '..........',
    ]),
  ).toEqual([[40, 20]]);
});

test('where there is no room above, it stands at the side, and never outside', () => {
  expect(spots(['333...', '333...', '333...', '333...', '......', '......'])).toEqual([[30, 0]]);
  expect(spots(['...333', '...333', '...333', '...333', '......', '......'])).toEqual([[10, 0]]);
  expect(spots(['333333', '333333', '......', '......', '......', '......'])).toEqual([[20, 20]]);
});

test('it hides no other digit, and no other label', () => {
  expect(
    spots([
      '.5555.....',
      '.5555.....',
      '.5555.....',
      '..........',
      '.3333.....',
      '.3333.....',
      '.3333.....',
      '..........',
      '..........',
      '..........',
    ]),
  ).toEqual([
    [50, 0],
    [50, 40],
  ]);
});

test('on a full canvas it stands above', () => {
  expect(spots(['3333', '3333', '3333', '3333'])).toEqual([[10, 0]]);
});
