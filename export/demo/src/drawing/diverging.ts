/** The red-blue colour map of states, under arctan, as the article's figure has it. */

import type { RGB } from '../engine/picture';
import { mix } from '../colour';

// From the most negative value to the most positive one, equally far apart. Light: ColorBrewer's
// RdBu (C. Brewer, Apache-2.0), reversed. Dark: the same hues with a dark middle, so that strong
// values are the bright ones.
const LIGHT: readonly RGB[] = [
  [5, 48, 97],
  [33, 102, 172],
  [67, 147, 195],
  [146, 197, 222],
  [209, 229, 240],
  [247, 247, 247],
  [253, 219, 199],
  [244, 165, 130],
  [214, 96, 77],
  [178, 24, 43],
  [103, 0, 31],
];
const DARK: readonly RGB[] = [
  [190, 224, 255],
  [120, 186, 250],
  [63, 142, 226],
  [38, 98, 166],
  [39, 69, 105],
  [56, 60, 68],
  [112, 54, 52],
  [174, 60, 54],
  [229, 90, 76],
  [250, 150, 128],
  [255, 214, 196],
];

const ENTRIES = 512; // of a table; finer than 8-bit colours show

/** Where a value stands between -1 (minus infinity) and 1 (infinity): 2 / pi arctan. */
export function squashed(value: number): number {
  return (Math.atan(value) * 2) / Math.PI;
}

/** The value that stands at `place`, -1 to 1. */
export function unsquashed(place: number): number {
  return Math.tan((place * Math.PI) / 2);
}

/** The colour at a place from -1 to 1. */
export function diverging(place: number, dark: boolean): RGB {
  const stops = dark ? DARK : LIGHT;
  const at = ((Math.min(1, Math.max(-1, place)) + 1) / 2) * (stops.length - 1);
  const first = Math.min(stops.length - 2, Math.floor(at));
  return mix(stops[first], stops[first + 1], at - first);
}

/** A colour as an opaque pixel of ImageData, seen as 32-bit numbers (least byte first). */
export function packed([r, g, b]: RGB): number {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

const tables = [false, true].map((dark) =>
  Uint32Array.from({ length: ENTRIES + 1 }, (_, i) =>
    packed(diverging((2 * i) / ENTRIES - 1, dark)),
  ),
);

/** The colour of a state channel's value, as `packed`. */
export function packedColour(value: number, dark: boolean): number {
  return tables[dark ? 1 : 0][Math.round(((squashed(value) + 1) / 2) * ENTRIES)];
}
