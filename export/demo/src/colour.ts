/** Arithmetic with colours: mixing, contrast, and turning the hue. Knows nothing of the page. */

import type { RGB } from './engine/picture';

const BLACK: RGB = [0, 0, 0];
const WHITE: RGB = [255, 255, 255];

/** A colour in CSS. */
export function css(colour: RGB, opacity = 1): string {
  return `rgba(${colour.join(', ')}, ${opacity})`;
}

/** `amount`, 0 to 1, of the way from one colour to the other. */
export function mix(from: RGB, to: RGB, amount: number): RGB {
  const channel = (i: number) => Math.round(from[i] + (to[i] - from[i]) * amount);
  return [channel(0), channel(1), channel(2)];
}

/** Black or white, whichever is easier to read on the colour (contrast ratio of WCAG 2). */
export function inkOn(colour: RGB): RGB {
  return contrast(colour, BLACK) > contrast(colour, WHITE) ? BLACK : WHITE;
}

/** The contrast ratio of WCAG 2, from 1 to 21. */
export function contrast(first: RGB, second: RGB): number {
  const [a, b] = [luminance(first) + 0.05, luminance(second) + 0.05];
  return Math.max(a, b) / Math.min(a, b);
}

/**
 * The colour itself where it stands out from a ground by a contrast of `ratio`, else the nearest
 * darker or lighter one that does; the hue stays.
 */
export function standingOut(colour: RGB, ground: RGB, ratio: number): RGB {
  const [lightness, a, b] = oklab(linear(colour));
  const end = contrast(ground, BLACK) > contrast(ground, WHITE) ? 0 : 1;
  const towards = (share: number): RGB => inGamut(lightness + (end - lightness) * share, a, b);
  if (contrast(colour, ground) >= ratio) return colour;
  let [low, high] = [0, 1];
  for (let halving = 0; halving < 12; halving++) {
    const middle = (low + high) / 2;
    if (contrast(towards(middle), ground) >= ratio) high = middle;
    else low = middle;
  }
  return towards(high);
}

/**
 * Turns the hue by `degrees` degrees. Lightness stays, and so does chroma if a screen can show it.
 * In Oklab (B. Ottosson, 2020), where colours of the same lightness look equally light.
 */
export function turned(colour: RGB, degrees: number): RGB {
  if (degrees % 360 === 0) return colour;
  const [lightness, a, b] = oklab(linear(colour));
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return inGamut(lightness, a * cos - b * sin, a * sin + b * cos);
}

/** A colour in Oklab, with as much of its chroma as a screen can show. */
function inGamut(lightness: number, a: number, b: number): RGB {
  const at = (chroma: number) => fromOklab([lightness, chroma * a, chroma * b]);
  let [low, high] = [0, 1];
  if (shown(at(1))) low = 1;
  for (let halving = 0; low < 1 && halving < 12; halving++) {
    const middle = (low + high) / 2;
    if (shown(at(middle))) low = middle;
    else high = middle;
  }
  const [red, green, blue] = at(low).map(encoded);
  return [red, green, blue];
}

/** Relative luminance, 0 to 1. */
function luminance(colour: RGB): number {
  const [r, g, b] = linear(colour);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

type Triple = readonly [number, number, number];

/** Linear light, 0 to 1, of sRGB (IEC 61966-2-1). */
export function linear(colour: RGB): Triple {
  const decode = (value: number) =>
    value <= 0.04045 * 255 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  return [decode(colour[0]), decode(colour[1]), decode(colour[2])];
}

function encoded(light: number): number {
  const inside = Math.min(1, Math.max(0, light));
  const value = inside <= 0.0031308 ? inside * 12.92 : 1.055 * inside ** (1 / 2.4) - 0.055;
  return Math.round(value * 255);
}

function shown(light: Triple): boolean {
  return light.every((value) => value > -1e-3 && value < 1 + 1e-3);
}

function oklab([r, g, b]: Triple): Triple {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab([lightness, a, b]: Triple): Triple {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}
