/** Colours and fonts that all drawings share, light and dark. */

import type { RGB } from '../engine/picture';

/** Colours of a drawing, apart from those of the labels. */
export interface Theme {
  /** Of the page's panels, and of dead cells. */
  ground: RGB;
  /** Of text and lines. */
  ink: RGB;
  /** Of secondary text. */
  muted: RGB;
  /** Of frames and ticks. */
  rule: RGB;
  /** Of a living cell that has not decided. */
  undecided: RGB;
  /** Of what should stand out: a mark in time, the chosen channel. */
  accent: RGB;
}

const LIGHT: Theme = {
  ground: [255, 255, 255],
  ink: [29, 33, 41],
  muted: [86, 94, 108],
  rule: [201, 206, 214],
  undecided: [0, 0, 0],
  accent: [196, 35, 50],
};

const DARK: Theme = {
  ground: [20, 22, 26],
  ink: [230, 232, 235],
  muted: [166, 173, 184],
  rule: [66, 72, 82],
  undecided: [255, 255, 255],
  accent: [255, 107, 107],
};

/** The theme of light or dark pages. */
export function theme(dark: boolean): Theme {
  return dark ? DARK : LIGHT;
}

/** A font for canvases, in CSS pixels. */
export function font(size: number, weight: 400 | 600 | 700 = 400): string {
  return `${weight} ${size}px system-ui, sans-serif`;
}

/** The smallest text of a drawing, in CSS pixels. */
export const SMALL_TEXT = 11;
