import { expect, test } from 'vitest';
import { labels } from '../census';
import type { RGB } from '../engine/picture';
import { pictureOf } from '../testing/picture_of';
import { paintCells } from './cells';
import { IMPOSTOR_COLOUR } from './impostors';

const COLOURS = Array.from({ length: 10 }, (_, label): RGB => [label * 20, 100, 200]);

function painted(lines: string[], dark: boolean, grays: Record<number, number> = {}): number[][] {
  const picture = pictureOf(lines);
  for (const [cell, gray] of Object.entries(grays)) picture.gray[Number(cell)] = gray;
  const pixels = new Uint8ClampedArray(4 * picture.size ** 2);
  paintCells(pixels, picture, labels(picture), COLOURS, dark);
  return Array.from({ length: picture.size ** 2 }, (_, i) => [...pixels.slice(4 * i, 4 * i + 4)]);
}

test('living cells have the colour of their label, on the ground', () => {
  expect(painted(['3.', '.7'], false)).toEqual([
    [60, 100, 200, 255],
    [255, 255, 255, 255],
    [255, 255, 255, 255],
    [140, 100, 200, 255],
  ]);
  expect(painted(['3.', '.7'], true)[1]).toEqual([20, 22, 26, 255]);
});

test('undecided cells are black, in dark mode white', () => {
  expect(painted(['?.', '..'], false)[0]).toEqual([0, 0, 0, 255]);
  expect(painted(['?.', '..'], true)[0]).toEqual([255, 255, 255, 255]);
});

test('the gray value is the opacity', () => {
  // Half of the way from white to [60, 100, 200], and from [20, 22, 26] to it.
  expect(painted(['3.', '..'], false, { 0: 0.5 })[0]).toEqual([158, 178, 228, 255]);
  expect(painted(['3.', '..'], true, { 0: 0.5 })[0]).toEqual([40, 61, 113, 255]);
});

test('cells that are dead but gray are faint', () => {
  expect(painted([',.', '..'], false)[0]).toEqual([242, 242, 242, 255]); // 255 * 0.95
  expect(painted([',.', '..'], true)[0]).toEqual([32, 34, 37, 255]); // 20 + 0.05 * 235, ...
});

test('impostors are red, whatever they would say', () => {
  expect(painted(['!3', '..'], false)[0]).toEqual([...IMPOSTOR_COLOUR, 255]);
  expect(painted(['!3', '..'], true)[0]).toEqual([...IMPOSTOR_COLOUR, 255]);
});
