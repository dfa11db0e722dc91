/** How the curve's two lines look, in the plot and in its key. */

import { css } from '../colour';
import type { RGB } from '../engine/picture';
import type { Theme } from './theme';

// Both have an edge in the opposite tone, because they cross all colours and each other.

/** Strokes as the share of agreeing cells: a solid line. */
export function strokeShare(ctx: CanvasRenderingContext2D, theme: Theme, path: Path2D): void {
  stroke(ctx, theme.ground, 5, path);
  stroke(ctx, theme.ink, 2.5, path);
}

/** Strokes as total agreement: a dashed line, visible on the solid one too. */
export function strokeAgreement(ctx: CanvasRenderingContext2D, theme: Theme, path: Path2D): void {
  stroke(ctx, theme.ink, 4, path);
  ctx.setLineDash([6, 4]);
  stroke(ctx, theme.ground, 1.75, path);
  ctx.setLineDash([]);
}

/** Strokes a path in one colour. */
export function stroke(
  ctx: CanvasRenderingContext2D,
  colour: RGB,
  width: number,
  path: Path2D,
): void {
  ctx.strokeStyle = css(colour);
  ctx.lineWidth = width;
  ctx.lineJoin = 'round';
  ctx.stroke(path);
}

/** A straight line. */
export function line(x0: number, y0: number, x1: number, y1: number): Path2D {
  const path = new Path2D();
  path.moveTo(x0, y0);
  path.lineTo(x1, y1);
  return path;
}
