/** Where the channels stand in their drawing, and what they are called. No drawing. */

import type { Picture } from '../engine/picture';

/** A square of a drawing, in CSS pixels or in cells. */
export interface Square {
  x: number;
  y: number;
  side: number;
}

/** Where the parts of the drawing of all channels stand, in CSS pixels. */
export interface ChannelLayout {
  /** [20] of the gray value, the 9 free channels and the 10 classification channels. */
  tiles: Square[];
  /** Baselines of the two headings: of the free and of the classification channels. */
  headings: [number, number];
  /** Left edge and width of all tiles together. */
  left: number;
  width: number;
  /** Top of the colour bar. */
  bar: number;
}

const COLUMNS = 5;
const ROWS = 4;
const GAP = 6;
const NAME = 17; // height of the name under a tile
const HEADING = 22;
/** Height of the colour bar with its numbers, in CSS pixels. */
export const BAR = 36;

const SPARE = 2 * HEADING + BAR + ROWS * NAME + (ROWS - 1) * GAP;

/** The height that the drawing of all channels takes at that width, both in CSS pixels. */
export function channelsHeight(width: number): number {
  return Math.floor(sideAcross(width)) * ROWS + SPARE;
}

function sideAcross(width: number): number {
  return (width - (COLUMNS - 1) * GAP) / COLUMNS;
}

/** Places the 20 channels, as large as they can be, in 5 columns. */
export function channelLayout(width: number, height: number): ChannelLayout {
  const side = Math.floor(Math.max(1, Math.min(sideAcross(width), (height - SPARE) / ROWS)));
  const left = Math.floor((width - COLUMNS * side - (COLUMNS - 1) * GAP) / 2);
  const top = (row: number) => HEADING * (row < 2 ? 1 : 2) + row * (side + NAME + GAP);
  const tiles = Array.from({ length: COLUMNS * ROWS }, (_, channel) => ({
    x: left + (channel % COLUMNS) * (side + GAP),
    y: top(Math.floor(channel / COLUMNS)),
    side,
  }));
  return {
    tiles,
    headings: [HEADING - 7, top(2) - 7],
    left,
    width: width - 2 * left,
    bar: top(ROWS - 1) + side + NAME,
  };
}

/**
 * Which channel lies under a point of a drawing of that size.
 *
 * @returns 0 for the gray value, 1 to 19 for a state channel, null beside them.
 */
export function channelAt(width: number, height: number, x: number, y: number): number | null {
  const { tiles } = channelLayout(width, height);
  const found = tiles.findIndex(
    (tile) =>
      x >= tile.x && x < tile.x + tile.side && y >= tile.y && y < tile.y + tile.side + NAME,
  );
  return found < 0 ? null : found;
}

/** What channel 0 (gray) to 19 holds, in words. */
export function channelName(channel: number, picture: Picture): string {
  const free = picture.stateChannels - picture.classes;
  if (channel === 0) return 'Gray value';
  return channel <= free ? `Free channel ${channel}` : `Channel of label ${channel - free - 1}`;
}

/** The same in a few letters: "gray", "free 3", "7". */
export function shortName(channel: number, picture: Picture): string {
  const free = picture.stateChannels - picture.classes;
  if (channel === 0) return 'gray';
  return channel <= free ? `free ${channel}` : `${channel - free - 1}`;
}

const LEAST = 28; // cells; a view of one digit rests while its shape changes

/** The square of cells worth showing: all living ones and a margin, at least a digit's 28. */
export function livingSquare({ positions, size }: Picture): Square {
  if (positions.length === 0) return { x: 0, y: 0, side: size };
  let [left, top, right, bottom] = [size, size, 0, 0];
  for (const position of positions) {
    const x = position % size;
    const y = (position - x) / size;
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  const side = Math.min(size, Math.max(LEAST, right - left + 2, bottom - top + 2));
  const inside = (middle: number) =>
    Math.min(size - side, Math.max(0, Math.round(middle - side / 2)));
  return { x: inside((left + right) / 2), y: inside((top + bottom) / 2), side };
}
