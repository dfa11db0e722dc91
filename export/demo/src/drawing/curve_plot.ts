/** Draws the curve: votes as stacked area, lines of agreement, axes, marks; not its key. */

import { css, inkOn } from '../colour';
import type { RGB } from '../engine/picture';
import { drawKey } from './curve_key';
import { FIRST_STEPS, bands, crossings, digitSpots, pixelResolution, ticks } from './curve_layout';
import { line, stroke, strokeAgreement, strokeShare } from './curve_lines';
import { thinned } from './curve_points';
import { isStroke } from './curve_points';
import type { CurvePoint, Mark, MarkKind } from './curve_points';
import { SMALL_TEXT, font, theme } from './theme';
import type { Theme } from './theme';

/** What is drawn. */
export interface Course {
  readonly values: readonly CurvePoint[];
  readonly last: CurvePoint | undefined;
  readonly marks: readonly Mark[];
}

/** The plot inside the drawing, in CSS pixels, and its scales. */
interface Frame {
  ctx: CanvasRenderingContext2D;
  theme: Theme;
  left: number;
  top: number;
  right: number;
  bottom: number;
  x(step: number): number;
  /** Of a share, 0 to 1. */
  y(share: number): number;
  /** Steps at the right end. */
  steps: number;
}

const MARGIN = { left: 42, right: 10, bottom: 34, marks: 16 };
const DIGIT = { height: 15, width: 10 }; // CSS pixels that a digit in a band needs
const NAMES: Record<MarkKind, string> = {
  mutation: 'other digit',
  drawing: 'drawing',
  impostors: 'impostors',
  reset: 'reset',
  model: 'new model',
};

/** Draws the votes as a stacked area in the labels' colours, and on it the lines of agreement. */
export function drawPlot(
  ctx: CanvasRenderingContext2D,
  width: number,
  height: number,
  course: Course,
  colours: RGB[],
  dark: boolean,
): void {
  ctx.save();
  ctx.fillStyle = css(theme(dark).ground);
  ctx.fillRect(0, 0, width, height);
  const keyHeight = drawKey(ctx, width, course.last, colours, dark);
  const frame = frameOf(ctx, width, height, keyHeight, course, dark);
  drawAxes(frame);
  const points = pointsToDraw(frame, course, 1);
  // The agreement of one digit is 0 or 1. If it flickers, an unsmoothed line would fill the plot.
  const smoothed = pointsToDraw(frame, course, 3);
  drawVotes(frame, points, colours);
  drawDigits(frame, points, course.marks, colours);
  drawLines(frame, points, smoothed);
  drawMarks(frame, course.marks);
  ctx.restore();
}

function frameOf(
  ctx: CanvasRenderingContext2D,
  width: number,
  height: number,
  keyHeight: number,
  course: Course,
  dark: boolean,
): Frame {
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [keyHeight + MARGIN.marks, height - MARGIN.bottom];
  const steps = Math.max(FIRST_STEPS, course.last?.step ?? 0);
  return {
    ctx,
    theme: theme(dark),
    left,
    top,
    right,
    bottom,
    steps,
    x: (step) => left + (step / steps) * (right - left),
    y: (share) => bottom - share * (bottom - top),
  };
}

/** The first point, averages that are `pixels` apart or more, and the newest point. */
function pointsToDraw(frame: Frame, course: Course, pixels: number): CurvePoint[] {
  const resolution = pixelResolution(frame.steps, (frame.right - frame.left) / pixels);
  if (!course.last) return [];
  return [course.values[0], ...thinned(course.values, resolution), course.last];
}

function drawAxes({ ctx, theme, left, top, right, bottom, steps, x, y }: Frame): void {
  ctx.font = font(SMALL_TEXT);
  ctx.fillStyle = css(theme.muted);
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  for (const share of [0, 0.5, 1]) {
    ctx.fillText(`${share * 100}${share === 1 ? ' %' : ''}`, left - 7, y(share));
    stroke(ctx, theme.rule, 1, line(left - 4, y(share), right, y(share)));
  }
  ctx.textBaseline = 'top';
  for (const step of ticks(steps, Math.floor((right - left) / 70) + 1)) {
    stroke(ctx, theme.rule, 1, line(x(step), bottom, x(step), bottom + 4));
    const text = step.toLocaleString('en');
    const half = ctx.measureText(text).width / 2;
    ctx.textAlign = 'center';
    ctx.fillText(text, Math.min(x(step), right + MARGIN.right - 2 - half), bottom + 6);
  }
  ctx.textAlign = 'center';
  ctx.fillText('steps', (left + right) / 2, bottom + 20);
  stroke(ctx, theme.rule, 1, line(left, top, left, bottom));
}

function drawVotes({ ctx, theme, x, y }: Frame, points: CurvePoint[], colours: RGB[]): void {
  bands(points, colours.length).forEach(({ lower, upper }, label) => {
    ctx.fillStyle = css(colours[label] ?? theme.undecided);
    ctx.beginPath();
    for (let i = 0; i < points.length; i++) ctx.lineTo(x(points[i].step), y(upper[i]));
    for (let i = points.length - 1; i >= 0; i--) ctx.lineTo(x(points[i].step), y(lower[i]));
    ctx.fill();
  });
}

/** Writes its digit into each band that is high enough, beside lines and marks. */
function drawDigits(
  { ctx, theme, x, y }: Frame,
  points: CurvePoint[],
  marks: readonly Mark[],
  colours: RGB[],
): void {
  ctx.font = font(12, 700);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  const xs = points.map(({ step }) => x(step));
  const lines = [points.map((point) => y(point.share)), points.map((point) => y(point.agreement))];
  const marked = xs.map((at) => marks.some(({ from }) => Math.abs(at - x(from)) < 3));
  bands(points, colours.length).forEach(({ lower, upper }, label) => {
    const middles = xs.map((_, i) => y((lower[i] + upper[i]) / 2));
    const crossed = crossings(middles, lines, DIGIT.height / 2 + 3);
    const heights = xs.map((_, i) => (crossed[i] || marked[i] ? 0 : y(lower[i]) - y(upper[i])));
    ctx.fillStyle = css(inkOn(colours[label] ?? theme.undecided));
    for (const i of digitSpots(xs, heights, DIGIT)) {
      ctx.fillText(label < colours.length ? `${label}` : '?', xs[i], middles[i] + 0.5);
    }
  });
}

/** A line through the plot at each mark, a bar under the axis for a stroke, a name above it. */
function drawMarks({ ctx, theme, top, bottom, right, x }: Frame, marks: readonly Mark[]): void {
  ctx.font = font(SMALL_TEXT);
  ctx.textBaseline = 'bottom';
  ctx.textAlign = 'left';
  let free = 0; // where the next name may begin
  for (const { kind, from, to } of marks) {
    const [start, end] = [x(from), x(to)];
    ctx.fillStyle = css(theme.accent);
    ctx.fillRect(start - 1, bottom + 1, Math.max(2, end - start), 4);
    if (!isStroke(kind)) {
      stroke(ctx, theme.ground, 4, line(start, top - 6, start, bottom));
      stroke(ctx, theme.accent, 2, line(start, top - 6, start, bottom + 5));
    }
    const name = NAMES[kind];
    const wide = ctx.measureText(name).width;
    const at = Math.min(start + 4, right - wide);
    if (at < free) continue;
    ctx.fillText(name, at, top - 3);
    free = at + wide + 8;
  }
}

function drawLines(
  { ctx, theme, x, y }: Frame,
  points: readonly CurvePoint[],
  smoothed: readonly CurvePoint[],
): void {
  const [share, agreement] = [new Path2D(), new Path2D()];
  for (const point of points) share.lineTo(x(point.step), y(point.share));
  for (const point of smoothed) agreement.lineTo(x(point.step), y(point.agreement));
  strokeShare(ctx, theme, share);
  strokeAgreement(ctx, theme, agreement);
}
