/** Impostors: red, with a white square inside, which no label has. */

import { css } from '../colour';
import type { Picture, RGB } from '../engine/picture';

export const IMPOSTOR_COLOUR: RGB = [214, 0, 32];
const MARK_COLOUR: RGB = [255, 255, 255];
const MARK = 0.36; // its side, of a cell's

/** Draws one impostor as a square of that side, opaque whatever its gray value is. */
export function drawImpostor(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  side: number,
): void {
  const mark = Math.max(1, side * MARK);
  ctx.fillStyle = css(IMPOSTOR_COLOUR);
  ctx.fillRect(x, y, side, side);
  ctx.fillStyle = css(MARK_COLOUR);
  ctx.fillRect(x + (side - mark) / 2, y + (side - mark) / 2, mark, mark);
}

/** Draws the impostors of a canvas over its cells; width: of their square, in CSS pixels. */
export function drawImpostors(
  ctx: CanvasRenderingContext2D,
  width: number,
  { size, positions, impostors }: Picture,
): void {
  if (impostors.size === 0) return;
  const side = width / size;
  for (const cell of positions) {
    if (!impostors.has(cell)) continue;
    drawImpostor(ctx, (cell % size) * side, Math.floor(cell / size) * side, side);
  }
}
