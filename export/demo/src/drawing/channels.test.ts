import { expect, test } from 'vitest';
import { pictureOf } from '../testing/picture_of';
import {
  channelAt,
  channelLayout,
  channelName,
  channelsHeight,
  livingSquare,
  shortName,
} from './channel_layout';
import { paintChannels } from './channels';
import { diverging, packed, packedColour, squashed, unsquashed } from './diverging';

const ARTICLE = { stateChannels: 19, classes: 10 };

test('at its own height the drawing fills the width', () => {
  for (const width of [340, 560, 704]) {
    const { tiles, left, bar } = channelLayout(width, channelsHeight(width, ARTICLE), ARTICLE);
    expect(tiles).toHaveLength(20);
    expect(left).toBeLessThan(3);
    expect(tiles[4].x + tiles[4].side).toBeLessThanOrEqual(width);
    expect(tiles[4].x + tiles[4].side).toBeGreaterThan(width - 6);
    expect(bar + 36).toBeLessThanOrEqual(channelsHeight(width, ARTICLE));
  }
});

test('tiles never overlap, and shrink where there is little height', () => {
  const { tiles, bar } = channelLayout(560, 400, ARTICLE);
  const side = tiles[0].side;
  expect(side).toBeLessThan(channelLayout(560, 900, ARTICLE).tiles[0].side);
  tiles.forEach((tile, channel) => {
    if (channel % 5 < 4) expect(tiles[channel + 1].x).toBeGreaterThan(tile.x + side);
    if (channel < 15) expect(tiles[channel + 5].y).toBeGreaterThan(tile.y + side + 11);
  });
  expect(bar).toBeGreaterThan(tiles[19].y + side + 11);
  expect(bar + 36).toBeLessThanOrEqual(400);
});

test('a point in the middle of a tile or on its name is its channel', () => {
  const { tiles } = channelLayout(560, 600, ARTICLE);
  tiles.forEach(({ x, y, side }, channel) => {
    expect(channelAt(560, 600, x + side / 2, y + side / 2, ARTICLE)).toBe(channel);
    expect(channelAt(560, 600, x + 1, y + side + 10, ARTICLE)).toBe(channel);
    expect(channelAt(560, 600, x + side + 3, y + 5, ARTICLE)).toBeNull();
  });
  expect(channelAt(560, 600, 280, 3, ARTICLE)).toBeNull();
});

test('a wider model has more tiles, its labels still in rows of their own', () => {
  const wide = { stateChannels: 23, classes: 10 };
  const height = channelsHeight(560, wide);
  const { tiles, headings, bar } = channelLayout(560, height, wide);
  expect(tiles).toHaveLength(24);
  expect(new Set(tiles.map(({ y }) => y)).size).toBe(5); // 14 in three rows, 10 in two
  expect(tiles[14].x).toBe(tiles[0].x);
  expect(tiles[14].y).toBeGreaterThan(headings[1]);
  expect(tiles[13].y).toBeLessThan(headings[1]);
  expect(bar + 36).toBeLessThanOrEqual(height);
  expect(channelAt(560, height, tiles[23].x + 3, tiles[23].y + 3, wide)).toBe(23);
});

test('names', () => {
  const picture = pictureOf(['.']);
  expect([0, 1, 9, 10, 19].map((channel) => shortName(channel, picture))).toEqual([
    'gray',
    'free 1',
    'free 9',
    '0',
    '9',
  ]);
  expect([0, 3, 13].map((channel) => channelName(channel, picture))).toEqual([
    'Gray value',
    'Free channel 3',
    'Channel of label 3',
  ]);
});

function dotted(size: number, ...cells: [number, number][]) {
  const at = new Set(cells.map(([x, y]) => y * size + x));
  return pictureOf(
    Array.from({ length: size }, (_, y) =>
      Array.from({ length: size }, (_, x) => (at.has(y * size + x) ? '1' : '.')).join(''),
    ),
  );
}

test('the square with the living cells', () => {
  expect(livingSquare(dotted(56))).toEqual({ x: 0, y: 0, side: 56 });
  expect(livingSquare(dotted(20, [3, 3]))).toEqual({ x: 0, y: 0, side: 20 });
  // From 20 to 30, so the middle is at 25.
  expect(livingSquare(dotted(56, [20, 20], [29, 29]))).toEqual({ x: 11, y: 11, side: 28 });
  expect(livingSquare(dotted(56, [0, 50]))).toEqual({ x: 0, y: 28, side: 28 });
  // 40 wide and a margin of one on both sides.
  expect(livingSquare(dotted(56, [5, 20], [44, 20]))).toEqual({ x: 4, y: 0, side: 42 });
  expect(livingSquare(dotted(56, [0, 0], [55, 55]))).toEqual({ x: 0, y: 0, side: 56 });
});

test('arctan maps all values to between -1 and 1, and back', () => {
  expect([-Infinity, -1, 0, 1, Infinity].map(squashed)).toEqual([-1, -0.5, 0, 0.5, 1]);
  expect(unsquashed(0.75)).toBeCloseTo(2.4142, 4); // tan(3 pi / 8), the 2.4 of the bar
  expect(unsquashed(squashed(-0.3))).toBeCloseTo(-0.3, 9);
});

test('negative is blue, positive red, zero neither; stronger differs more from zero', () => {
  for (const dark of [false, true]) {
    const [zr, zg, zb] = diverging(0, dark);
    expect(Math.max(zr, zg, zb) - Math.min(zr, zg, zb)).toBeLessThan(15);
    for (const place of [0.3, 0.5, 0.7]) {
      const [nr, , nb] = diverging(-place, dark);
      const [pr, , pb] = diverging(place, dark);
      expect(nb).toBeGreaterThan(nr + 30);
      expect(pr).toBeGreaterThan(pb + 30);
    }
    const lightness = [0, 0.25, 0.5, 0.75, 1].map((place) => diverging(place, dark)[1]);
    const order = dark ? [...lightness.slice(1)] : [...lightness].reverse();
    expect(order).toEqual([...order].sort((a, b) => a - b));
  }
});

test('the table of colours agrees with the map', () => {
  expect(packed([1, 2, 3])).toBe(0xff030201);
  expect(packedColour(0, false)).toBe(packed([247, 247, 247]));
  expect(packedColour(Infinity, false)).toBe(packed([103, 0, 31]));
  expect(packedColour(-Infinity, true)).toBe(packed([190, 224, 255]));
});

test('each channel is painted at its place', () => {
  const picture = pictureOf(['.2', '..']);
  picture.state.set([-Infinity], 4); // free channel 5, first of the second row
  const pixels = new Uint32Array(4 * 2 * 5 * 2);
  paintChannels(pixels, picture, { x: 0, y: 0, side: 2 }, false);
  const at = (channel: number, x: number, y: number) =>
    pixels[(Math.floor(channel / 5) * 2 + y) * 10 + (channel % 5) * 2 + x];
  expect(at(0, 1, 0)).toBe(packed([29, 33, 41])); // gray 1: ink
  expect(at(5, 1, 0)).toBe(packed([5, 48, 97]));
  expect(at(12, 1, 0)).toBe(packedColour(1, false)); // label 2
  expect(at(11, 1, 0)).toBe(packed([247, 247, 247]));
  const backdrop = at(12, 0, 0);
  expect([at(0, 0, 1), at(5, 0, 1), at(19, 1, 1)]).toEqual([backdrop, backdrop, backdrop]);
  expect(backdrop).not.toBe(at(11, 1, 0));
});

test('only the square is painted', () => {
  const picture = pictureOf(['....', '....', '...7', '....']);
  const pixels = new Uint32Array(4 * 2 * 5 * 2);
  paintChannels(pixels, picture, { x: 2, y: 2, side: 2 }, true);
  expect(pixels[(3 * 2 + 0) * 10 + 2 * 2 + 1]).toBe(packedColour(1, true)); // channel 17
});
