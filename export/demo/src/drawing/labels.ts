/** What each piece says, written beside it: colour is not the only cue. */

import { verdict } from '../census';
import type { Census, Piece } from '../census';
import { css, inkOn, mix } from '../colour';
import type { Picture, RGB } from '../engine/picture';
import { font, theme } from './theme';

/** A rectangle on a drawing, in CSS pixels. */
export interface Spot {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Writes its `verdict` beside each piece; width: of the square of cells, in CSS pixels. */
export function drawLabels(
  ctx: CanvasRenderingContext2D,
  width: number,
  picture: Picture,
  census: Census,
  colours: RGB[],
  dark: boolean,
): void {
  const height = labelHeight(width, picture.size);
  ctx.save();
  ctx.font = font(Math.round(height * 0.74), 700);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  const taken: Spot[] = [];
  for (const piece of census.pieces) {
    const text = verdict(piece);
    const label = { width: Math.max(height, ctx.measureText(text).width + height / 2), height };
    const spot = labelSpot(picture, piece, width / picture.size, label, taken);
    taken.push(spot);
    drawLabel(ctx, spot, text, piece.agree, colours[piece.label], dark);
  }
  ctx.restore();
}

/** The height of a label, in CSS pixels: 4.5 cells, but at least 15 and at most 28 pixels. */
function labelHeight(width: number, size: number): number {
  return Math.min(28, Math.max(15, Math.round((width / size) * 4.5)));
}

function drawLabel(
  ctx: CanvasRenderingContext2D,
  { x, y, width, height }: Spot,
  text: string,
  agree: boolean,
  colour: RGB | undefined,
  dark: boolean,
): void {
  const { ground, ink, undecided } = theme(dark);
  const own = colour ?? undecided;
  const fill = agree ? own : ground;
  ctx.beginPath();
  ctx.roundRect(x + 1, y + 1, width - 2, height - 2, height / 4);
  ctx.fillStyle = css(fill);
  ctx.fill();
  ctx.lineWidth = 2;
  ctx.strokeStyle = css(agree ? mix(own, ground, 0.25) : own);
  ctx.stroke();
  ctx.fillStyle = css(agree ? inkOn(own) : ink);
  ctx.fillText(text, x + width / 2, y + height / 2 + 1);
}

/**
 * Where a piece's label goes: beside it, inside the canvas, on the first place that is free: above
 * it, to its right, to its left, or below. If none is free, above.
 *
 * @param scale CSS pixels a cell.
 * @param label its size in CSS pixels.
 * @param taken by the labels of other pieces.
 */
export function labelSpot(
  picture: Picture,
  piece: Piece,
  scale: number,
  label: { width: number; height: number },
  taken: readonly Spot[],
): Spot {
  const { width, height } = label;
  const end = picture.size * scale;
  const middle = ((piece.left + piece.right) / 2) * scale - width / 2;
  const level = ((piece.top + piece.bottom) / 2) * scale - height / 2;
  const [left, right] = [piece.left * scale - width, piece.right * scale];
  const [above, below] = [piece.top * scale - height, piece.bottom * scale];
  const corners = [
    [middle, above],
    [right, above + height],
    [left, above + height],
    [right, level],
    [left, level],
    [middle, below],
    [right - width, above + height],
    [left + width, above + height],
  ];
  const spots = corners.map(([x, y]): Spot => {
    const inside = (value: number, side: number) => Math.min(end - side, Math.max(0, value));
    return { x: inside(x, width), y: inside(y, height), width, height };
  });
  const free = (spot: Spot) =>
    !taken.some((other) => overlap(spot, other)) && inkUnder(picture, scale, spot) === 0;
  return spots.find(free) ?? spots[0];
}

function overlap(a: Spot, b: Spot): boolean {
  return (
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
  );
}

/** Sum of the gray values under a rectangle. */
function inkUnder({ gray, size }: Picture, scale: number, spot: Spot): number {
  let sum = 0;
  const last = (start: number, length: number) =>
    Math.min(size, Math.ceil((start + length) / scale));
  for (let y = Math.floor(spot.y / scale); y < last(spot.y, spot.height); y++) {
    for (let x = Math.floor(spot.x / scale); x < last(spot.x, spot.width); x++) {
      sum += gray[y * size + x];
    }
  }
  return sum;
}
