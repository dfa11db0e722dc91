import { expect, test } from 'vitest';
import { contrast, css, inkOn, linear, mix, standingOut, turned } from './colour';
import type { RGB } from './engine/picture';

test('css and mix', () => {
  expect(css([1, 2, 3])).toBe('rgba(1, 2, 3, 1)');
  expect(css([1, 2, 3], 0.5)).toBe('rgba(1, 2, 3, 0.5)');
  expect(mix([0, 100, 200], [100, 0, 200], 0.25)).toEqual([25, 75, 200]);
});

test('linear light: ends, the straight part near black, and middle gray', () => {
  expect(linear([0, 255, 10])).toEqual([0, 1, 10 / 255 / 12.92]);
  expect(linear([188, 188, 188])[0]).toBeCloseTo(0.503, 3); // ((188/255 + 0.055) / 1.055)^2.4
});

test('ink is dark on light colours and light on dark ones', () => {
  expect(inkOn([255, 255, 0])).toEqual([0, 0, 0]);
  expect(inkOn([0, 0, 255])).toEqual([255, 255, 255]);
  // Contrast with black and white is the same at luminance 0.179, gray 117.6.
  expect(inkOn([119, 119, 119])).toEqual([0, 0, 0]);
  expect(inkOn([116, 116, 116])).toEqual([255, 255, 255]);
});

test('turning the hue: full turns and grays stay as they are', () => {
  const orange: RGB = [230, 120, 30];
  expect(turned(orange, 0)).toEqual(orange);
  expect(turned(orange, 360)).toEqual(orange);
  for (const value of turned([128, 128, 128], 90)) expect(Math.abs(value - 128)).toBeLessThan(2);
});

test('turning the hue back and forth gives the same colour', () => {
  const muted: RGB = [150, 120, 110];
  const back = turned(turned(muted, 70), -70);
  back.forEach((value, i) => expect(Math.abs(value - muted[i])).toBeLessThan(3));
  expect(turned(muted, 180)[2]).toBeGreaterThan(turned(muted, 180)[0]); // red to blue
});

test('a strong colour turned to where screens have none keeps its lightness, roughly', () => {
  const yellow: RGB = [255, 230, 0];
  const turnedBlue = turned(yellow, 160);
  const luminance = (colour: RGB) => {
    const [r, g, b] = linear(colour);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  expect(turnedBlue[2]).toBeGreaterThan(turnedBlue[0]);
  expect(luminance(turnedBlue)).toBeGreaterThan(0.6);
  expect(luminance(turnedBlue)).toBeLessThan(0.9);
});

test('contrast: WCAG 2 gives 21 for black on white and 1 for the same', () => {
  expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21);
  expect(contrast([9, 90, 200], [9, 90, 200])).toBe(1);
  expect(contrast([119, 119, 119], [255, 255, 255])).toBeCloseTo(4.48, 2);
});

test('a colour too near to its ground becomes darker or lighter, and keeps its hue', () => {
  const yellow: RGB = [210, 245, 60];
  const onWhite = standingOut(yellow, [255, 255, 255], 3);
  expect(contrast(onWhite, [255, 255, 255])).toBeGreaterThanOrEqual(3);
  expect(contrast(onWhite, [255, 255, 255])).toBeLessThan(3.1); // no darker than needed
  expect(onWhite[2]).toBeLessThan(onWhite[0]);
  expect(standingOut(yellow, [0, 0, 0], 3)).toEqual(yellow);
  const maroon: RGB = [128, 0, 0];
  const onDark = standingOut(maroon, [20, 22, 26], 3);
  expect(contrast(onDark, [20, 22, 26])).toBeGreaterThanOrEqual(3);
  expect(onDark[0]).toBeGreaterThan(2 * onDark[1]);
});
