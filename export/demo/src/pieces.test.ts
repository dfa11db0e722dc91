import { expect, test } from 'vitest';
import { piecesOf } from './pieces';
import { pictureOf } from './testing/picture_of';

test('cells are connected over corners; pieces below 10 cells are crumbs', () => {
  const picture = pictureOf([
    '0...........',
    '.0........0.',
    '..0.......0.',
    '...0......0.',
    '....0.......',
    '.....0......',
    '....0.......',
    '...0........',
    '..0.........',
    '.0..........',
    '............',
    '............',
  ]);
  const { boxes, pieceOf } = piecesOf(picture);
  expect(boxes).toHaveLength(1);
  const { size, left, top, right, bottom } = boxes[0];
  expect([size, left, top, right, bottom]).toEqual([10, 0, 0, 6, 10]);
  expect(boxes[0].x).toBeCloseTo(2.5 + 0.5, 9); // mean of 0 1 2 3 4 5 4 3 2 1, and half a cell
  expect(boxes[0].y).toBeCloseTo(4.5 + 0.5, 9);
  // Rows in reading order: the crumb's are the third, fifth and seventh.
  expect([...pieceOf]).toEqual([0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
});

test('reading order: lines from top to bottom, though their digits are not level', () => {
  const picture = pictureOf([
    '..........33.',
    '.....22...33.',
    '.11..22...33.',
    '.11..22...33.',
    '.11..22...33.',
    '.11..22......',
    '.11..........',
    '.............',
    '.......55....',
    '.44....55....',
    '.44....55....',
    '.44....55....',
    '.44....55....',
  ]);
  // 4 is below ten cells.
  expect(piecesOf(picture).boxes.map(({ left }) => left)).toEqual([1, 5, 10, 7]);
});

test('a piece of the canvas that winds around another is one', () => {
  const { boxes } = piecesOf(pictureOf(['00000', '0...0', '0.0.0', '0...0', '00000']));
  expect(boxes.map(({ size }) => size)).toEqual([16]);
});

test('pieces are found once for each drawing, whatever the cells say', () => {
  const picture = pictureOf(['0000', '0000', '0000', '0000']);
  const later = { ...picture, state: picture.state.slice(), step: 9 };
  expect(piecesOf(later)).toBe(piecesOf(picture));
  expect(piecesOf({ ...picture, positions: picture.positions.slice() })).not.toBe(
    piecesOf(picture),
  );
});
