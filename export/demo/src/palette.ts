/** The colours of the labels. */

import { contrast, standingOut, turned } from './colour';
import type { RGB } from './engine/picture';

export type PaletteName = 'safe' | 'article';

// Found by simulated annealing, which maximized the smallest CIEDE2000 difference between any two
// colours, and from both grounds of the page, as seen with full colour vision and with simulated
// protanopia, deuteranopia and tritanopia. The colours were then assigned so that digits that look
// alike (4 and 9, 3 and 5, 1 and 7, ...) are furthest apart. palette.test.ts has the figures.
const SAFE_ON_LIGHT: readonly RGB[] = [
  [0, 90, 120],
  [105, 135, 105],
  [165, 120, 150],
  [90, 75, 75],
  [15, 45, 0],
  [105, 0, 255],
  [150, 75, 0],
  [45, 0, 60],
  [240, 105, 15],
  [150, 120, 255],
];
const SAFE_ON_DARK: readonly RGB[] = [
  [165, 150, 0],
  [105, 105, 90],
  [240, 60, 135],
  [165, 120, 255],
  [240, 165, 135],
  [150, 90, 30],
  [75, 165, 165],
  [165, 195, 255],
  [75, 255, 0],
  [165, 15, 210],
];

const BLACK: RGB = [0, 0, 0];
const WHITE: RGB = [255, 255, 255];

/** The least contrast ratio between a label and its ground (WCAG 2.2, 1.4.11). */
export const CONTRAST = 3;

/**
 * One colour for each label, on a ground from which all of them stand out.
 *
 * @param name 'safe': ten that people with protanopia, deuteranopia or tritanopia can tell apart;
 *   'article': those given, darker or lighter where they would not stand out.
 * @param article the manifest's colours.
 * @param hue degrees by which all hues are turned; the safe ones are safe at 0 only.
 */
export function palette(
  name: PaletteName,
  article: readonly RGB[],
  hue: number,
  ground: RGB,
): RGB[] {
  const safe = contrast(ground, WHITE) < contrast(ground, BLACK) ? SAFE_ON_LIGHT : SAFE_ON_DARK;
  const colours = name === 'safe' ? safe : article;
  return colours.map((colour) => standingOut(turned(colour, hue), ground, CONTRAST));
}
