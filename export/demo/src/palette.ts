/** The colours of the labels. */

import { turned } from './colour';
import type { RGB } from './engine/picture';

export type PaletteName = 'safe' | 'article';

// Found by simulated annealing: the smallest CIEDE2000 difference of any two, as seen with full
// colour vision and under simulated protanopia, deuteranopia and tritanopia, was made as large as
// it would get, and that from both grounds of the page too. Then laid out so that digits which
// look alike (4 and 9, 3 and 5, 1 and 7, ...) are furthest apart. palette.test.ts has the figures.
const SAFE: readonly RGB[] = [
  [163, 189, 149],
  [99, 70, 107],
  [117, 125, 254],
  [146, 51, 12],
  [34, 216, 255],
  [177, 129, 154],
  [52, 111, 86],
  [247, 90, 20],
  [252, 217, 59],
  [40, 50, 230],
];

/**
 * One colour for each label.
 *
 * @param name 'safe': ten that people with protanopia, deuteranopia or tritanopia can tell apart,
 *   on light and dark ground; 'article': those given.
 * @param article the manifest's colours.
 * @param hue degrees by which all hues are turned; the safe ones are safe at 0 only.
 */
export function palette(name: PaletteName, article: readonly RGB[], hue: number): RGB[] {
  return (name === 'safe' ? SAFE : article).map((colour) => turned(colour, hue));
}
