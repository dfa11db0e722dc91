/** The key to the labels' colours: a row of squares with the labels in them. */

import { css, inkOn } from '../colour';
import type { RGB } from '../engine/picture';
import { font } from './theme';

/**
 * Draws the row: labels 0, 1, ..., and last "?" for the undecided. Its upper left corner is at
 * (x, y); all lengths are in CSS pixels, `side` is that of a square and its text.
 */
export function drawChips(
  ctx: CanvasRenderingContext2D,
  colours: readonly RGB[],
  undecided: RGB,
  x: number,
  y: number,
  side: { width: number; height: number; text: number },
): void {
  ctx.save();
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.font = font(side.text, 700);
  [...colours, undecided].forEach((colour, label) => {
    const left = x + label * side.width;
    ctx.fillStyle = css(colour);
    ctx.fillRect(left, y, side.width, side.height);
    ctx.fillStyle = css(inkOn(colour));
    const name = label < colours.length ? `${label}` : '?';
    ctx.fillText(name, left + side.width / 2, y + side.height / 2 + side.text / 24);
  });
  ctx.restore();
}
