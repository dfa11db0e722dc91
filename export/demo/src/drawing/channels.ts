/** What cells hold in their channels: all side by side, or one of them large. */

import { css, mix } from '../colour';
import type { Picture, RGB } from '../engine/picture';
import { BAR, channelLayout, channelName, livingSquare, shortName } from './channel_layout';
import type { Square } from './channel_layout';
import { diverging, packed, packedColour, unsquashed } from './diverging';
import { SMALL_TEXT, font, theme } from './theme';

const COLUMNS = 5; // of the channels on the sheet
const BAR_HEIGHT = 12;
const TITLE = 26;

/**
 * Draws the gray value and the state channels, 5 a row; the last rows are the classification
 * channels. Only the part of the canvas where cells live is shown.
 *
 * @param width in CSS pixels, to which `ctx` is scaled; so is `height`.
 * @param highlighted channel, 0 the gray value, that gets a frame.
 */
export function drawChannels(
  ctx: CanvasRenderingContext2D,
  width: number,
  height: number,
  picture: Picture,
  dark: boolean,
  highlighted: number | null,
): void {
  const { ground, ink, muted, accent } = theme(dark);
  const layout = channelLayout(width, height, picture);
  ctx.save();
  ctx.fillStyle = css(ground);
  ctx.fillRect(0, 0, width, height);
  ctx.font = font(SMALL_TEXT + 1);
  ctx.fillStyle = css(muted);
  ctx.fillText('gray value and free channels', layout.left, layout.headings[0]);
  ctx.fillText('classification channels', layout.left, layout.headings[1]);
  const square = livingSquare(picture);
  const sheet = paintSheet(picture, square, dark);
  ctx.textAlign = 'center';
  layout.tiles.forEach((tile, channel) => {
    copyChannel(ctx, sheet, channel, square.side, tile);
    const chosen = channel === highlighted;
    const label = channel > picture.stateChannels - picture.classes;
    ctx.font = font(label ? 13 : SMALL_TEXT, label || chosen ? 700 : 400);
    ctx.fillStyle = css(chosen ? accent : label ? ink : muted);
    ctx.fillText(shortName(channel, picture), tile.x + tile.side / 2, tile.y + tile.side + 13);
    if (chosen) frame(ctx, tile, accent);
  });
  drawBar(ctx, layout.left, layout.bar, layout.width, dark);
  ctx.restore();
}

/** Draws one channel, 0 the gray value, as large as it can be, with its name and a colour bar. */
export function drawChannel(
  ctx: CanvasRenderingContext2D,
  width: number,
  height: number,
  picture: Picture,
  channel: number,
  dark: boolean,
): void {
  const { ground, ink } = theme(dark);
  const side = Math.floor(Math.min(width, height - TITLE - BAR - 6));
  const tile = { x: Math.floor((width - side) / 2), y: TITLE, side };
  ctx.save();
  ctx.fillStyle = css(ground);
  ctx.fillRect(0, 0, width, height);
  ctx.font = font(14, 600);
  ctx.fillStyle = css(ink);
  ctx.fillText(channelName(channel, picture), tile.x, TITLE - 9);
  const square = livingSquare(picture);
  copyChannel(ctx, paintSheet(picture, square, dark), channel, square.side, tile);
  drawBar(ctx, tile.x, TITLE + side + 6, side, dark);
  ctx.restore();
}

let sheet: HTMLCanvasElement | undefined; // kept, so that frames leave no garbage

/** All channels in one small picture, a pixel a cell, in the order of the tiles. */
function paintSheet(picture: Picture, square: Square, dark: boolean): HTMLCanvasElement {
  sheet ??= document.createElement('canvas');
  const width = COLUMNS * square.side;
  const height = Math.ceil((1 + picture.stateChannels) / COLUMNS) * square.side;
  if (sheet.width !== width || sheet.height !== height) {
    sheet.width = width;
    sheet.height = height;
  }
  const ctx = sheet.getContext('2d')!;
  const image = ctx.createImageData(width, height);
  paintChannels(new Uint32Array(image.data.buffer), picture, square, dark);
  ctx.putImageData(image, 0, 0);
  return sheet;
}

/** Paints the sheet, 5 squares of side * side a row, as `packed` packs them. */
export function paintChannels(
  pixels: Uint32Array,
  { gray, positions, size, state, stateChannels }: Picture,
  { x: left, y: top, side }: Square,
  dark: boolean,
): void {
  const { ground, ink } = theme(dark);
  const backdrop = mix(ground, ink, 0.1); // not the map's middle: living cells at 0 show
  const width = COLUMNS * side;
  pixels.fill(packed(backdrop));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      pixels[y * width + x] = packed(mix(backdrop, ink, gray[(top + y) * size + left + x]));
    }
  }
  for (let row = 0; row < positions.length; row++) {
    const x = positions[row] % size;
    const y = (positions[row] - x) / size;
    const at = (y - top) * width + x - left;
    for (let k = 0; k < stateChannels; k++) {
      const channel = k + 1;
      const tile = Math.floor(channel / COLUMNS) * side * width + (channel % COLUMNS) * side;
      pixels[at + tile] = packedColour(state[row * stateChannels + k], dark);
    }
  }
}

/** Copies one channel from the sheet, with hard edges if enlarged, smoothed if reduced. */
function copyChannel(
  ctx: CanvasRenderingContext2D,
  sheet: HTMLCanvasElement,
  channel: number,
  side: number,
  tile: Square,
): void {
  ctx.imageSmoothingEnabled = tile.side * ctx.getTransform().a < side;
  ctx.imageSmoothingQuality = 'high';
  const x = (channel % COLUMNS) * side;
  const y = Math.floor(channel / COLUMNS) * side;
  ctx.drawImage(sheet, x, y, side, side, tile.x, tile.y, tile.side, tile.side);
}

function frame(ctx: CanvasRenderingContext2D, tile: Square, colour: RGB): void {
  ctx.strokeStyle = css(colour);
  ctx.lineWidth = 3;
  ctx.strokeRect(tile.x + 0.5, tile.y + 0.5, tile.side - 1, tile.side - 1);
}

/** The colour map, with values at equal distances on the arctan scale. */
function drawBar(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  dark: boolean,
): void {
  for (let pixel = 0; pixel < width; pixel++) {
    ctx.fillStyle = css(diverging((2 * pixel) / (width - 1) - 1, dark));
    ctx.fillRect(x + pixel, y, 1.5, BAR_HEIGHT);
  }
  ctx.font = font(SMALL_TEXT);
  ctx.fillStyle = css(theme(dark).muted);
  const apart = width < 300 ? 0.5 : 0.25;
  for (let place = -1; place <= 1; place += apart) {
    const at = x + ((place + 1) / 2) * width;
    ctx.textAlign = place === -1 ? 'left' : place === 1 ? 'right' : 'center';
    ctx.fillRect(Math.min(at, x + width - 1), y + BAR_HEIGHT, 1, 4);
    ctx.fillText(tickText(place), at, y + BAR_HEIGHT + 16);
  }
}

function tickText(place: number): string {
  if (Math.abs(place) === 1) return place < 0 ? '−∞' : '∞';
  const value = Math.abs(unsquashed(place));
  const sign = place < 0 ? '−' : '';
  return `${sign}${Number(value.toFixed(1))}`;
}
