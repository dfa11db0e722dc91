/** Where the channels stand in their drawing, and their names. Draws nothing. */

import type { Picture } from '../engine/picture';

/** A square of a drawing, in CSS pixels or in cells. */
export interface Square {
  x: number;
  y: number;
  side: number;
}

/** Where the parts of the drawing of all channels stand, in CSS pixels. */
export interface ChannelLayout {
  /** Of the gray value, the free channels and, in rows of their own, the classification channels. */
  tiles: Square[];
  /** Baselines of the two headings: of the free and of the classification channels. */
  headings: [number, number];
  /** Left edge and width of all tiles together. */
  left: number;
  width: number;
  /** Top of the colour bar. */
  bar: number;
}

/** How many channels there are. */
export type Channels = Pick<Picture, 'stateChannels' | 'classes'>;

const COLUMNS = 5;
const GAP = 6;
const NAME = 17; // height of the name under a tile
const HEADING = 22;
/** Height of the colour bar with its numbers, in CSS pixels. */
export const BAR = 36;

/** The height that the drawing of all channels takes at that width, both in CSS pixels. */
export function channelsHeight(width: number, channels: Channels): number {
  const rows = rowsOf(channels);
  return Math.floor(sideAcross(width)) * (rows.free + rows.labels) + spare(rows);
}

interface Rows {
  readonly free: number;
  readonly labels: number;
}

/** The rows of tiles: of the gray value and the free channels, and of the labels. */
function rowsOf({ stateChannels, classes }: Channels): Rows {
  const free = Math.ceil((1 + stateChannels - classes) / COLUMNS);
  return { free, labels: Math.ceil(classes / COLUMNS) };
}

/** The height of everything but the tiles. */
function spare({ free, labels }: Rows): number {
  return 2 * HEADING + BAR + (free + labels) * NAME + (free + labels - 1) * GAP;
}

function sideAcross(width: number): number {
  return (width - (COLUMNS - 1) * GAP) / COLUMNS;
}

/** Places the channels, as large as they can be, in 5 columns. */
export function channelLayout(width: number, height: number, channels: Channels): ChannelLayout {
  const rows = rowsOf(channels);
  const all = rows.free + rows.labels;
  const high = (height - spare(rows)) / all;
  const side = Math.floor(Math.max(1, Math.min(sideAcross(width), high)));
  const left = Math.floor((width - COLUMNS * side - (COLUMNS - 1) * GAP) / 2);
  const top = (row: number) => HEADING * (row < rows.free ? 1 : 2) + row * (side + NAME + GAP);
  const firstLabel = 1 + channels.stateChannels - channels.classes;
  const tiles = Array.from({ length: 1 + channels.stateChannels }, (_, channel) => {
    const place = channel < firstLabel ? channel : rows.free * COLUMNS + (channel - firstLabel);
    return {
      x: left + (place % COLUMNS) * (side + GAP),
      y: top(Math.floor(place / COLUMNS)),
      side,
    };
  });
  return {
    tiles,
    headings: [HEADING - 7, top(rows.free) - 7],
    left,
    width: width - 2 * left,
    bar: top(all - 1) + side + NAME,
  };
}

/**
 * Which channel lies under a point of a drawing of that size.
 *
 * @returns 0 for the gray value, 1 and more for a state channel, null outside all tiles.
 */
export function channelAt(
  width: number,
  height: number,
  x: number,
  y: number,
  channels: Channels,
): number | null {
  const { tiles } = channelLayout(width, height, channels);
  const found = tiles.findIndex(
    (tile) =>
      x >= tile.x && x < tile.x + tile.side && y >= tile.y && y < tile.y + tile.side + NAME,
  );
  return found < 0 ? null : found;
}

/** What a channel holds, 0 the gray value, in words. */
export function channelName(channel: number, picture: Channels): string {
  const free = picture.stateChannels - picture.classes;
  if (channel === 0) return 'Gray value';
  return channel <= free ? `Free channel ${channel}` : `Channel of label ${channel - free - 1}`;
}

/** The same in a few letters: "gray", "free 3", "7". */
export function shortName(channel: number, picture: Channels): string {
  const free = picture.stateChannels - picture.classes;
  if (channel === 0) return 'gray';
  return channel <= free ? `free ${channel}` : `${channel - free - 1}`;
}

const LEAST = 28; // cells; so that the view doesn't move when the shape of a digit changes

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
