/** Draws a look into one cell: neighbours, votes, other numbers, and the course of the votes. */

import type { CellLook, Seen } from '../cell_look';
import { IMPOSTOR } from '../census';
import { css, inkOn, mix } from '../colour';
import type { RGB } from '../engine/picture';
import { diverging, squashed } from './diverging';
import { line, stroke } from './curve_lines';
import { drawImpostor } from './impostors';
import { SMALL_TEXT, font, theme } from './theme';
import type { Theme } from './theme';

const CAPTION = 18; // CSS pixels, as all lengths here
const GAP = 18;
const NAMES = 15; // under the bars of the votes
const STEEPNESS = 2;
const COURSE = 0.4; // of the height

interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Draws it. Values are under arctan, as in the drawing of all channels, but twice as steep: a bar
 * of full height would be infinite, one of half the height is a half.
 *
 * @param width in CSS pixels, to which `ctx` is scaled; so is `height`.
 * @param colours one for each label.
 */
export function drawOneCell(
  ctx: CanvasRenderingContext2D,
  width: number,
  height: number,
  look: CellLook,
  colours: RGB[],
  dark: boolean,
): void {
  const shades = theme(dark);
  ctx.save();
  ctx.fillStyle = css(shades.ground);
  ctx.fillRect(0, 0, width, height);
  const course = Math.round(height * COURSE);
  const upper = height - course - GAP / 2;
  const side = Math.min(upper, width * 0.28);
  const bars = (width - side - 2 * GAP) / (look.votes.length + look.hidden.length);
  const part = (x: number, wide: number, y = 0, high = upper): Area => ({
    x,
    y: y + CAPTION,
    width: wide,
    height: high - CAPTION,
  });
  const votes = part(side + GAP, bars * look.votes.length);
  const hidden = part(votes.x + votes.width + GAP, bars * look.hidden.length);
  const chart = part(0, width, upper + GAP / 2, course);
  const steps = (look.course.at(-1)?.step ?? 0) - (look.course[0]?.step ?? 0);
  const captions: [Area, string][] = [
    [part(0, side), 'neighbours'],
    [votes, 'votes'],
    [hidden, 'other numbers'],
    [chart, `votes in the last ${steps} steps`],
  ];
  ctx.font = font(SMALL_TEXT);
  ctx.fillStyle = css(shades.muted);
  ctx.textBaseline = 'alphabetic';
  for (const [area, text] of captions) ctx.fillText(text, area.x, area.y - 6);
  drawNeighbours(ctx, part(0, side), look.around, colours, shades);
  drawVotes(ctx, votes, look, colours, shades);
  drawHidden(ctx, hidden, look.hidden, shades, dark);
  drawCourse(ctx, chart, look, colours, shades);
  ctx.restore();
}

function drawNeighbours(
  ctx: CanvasRenderingContext2D,
  area: Area,
  around: readonly Seen[],
  colours: RGB[],
  { ground, ink, undecided, rule, accent }: Theme,
): void {
  const side = Math.floor(Math.min(area.width, area.height) / 3);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.font = font(Math.round(side * 0.5), 700);
  ctx.lineWidth = 1;
  around.forEach(({ gray, label }, i) => {
    const [x, y] = [area.x + (i % 3) * side, area.y + Math.floor(i / 3) * side];
    if (label === IMPOSTOR) {
      drawImpostor(ctx, x + 1, y + 1, side - 2);
      return;
    }
    const living = label !== undefined;
    const own = living ? (colours[label] ?? undecided) : mix(ground, ink, gray);
    ctx.fillStyle = css(own);
    ctx.fillRect(x + 1, y + 1, side - 2, side - 2);
    ctx.strokeStyle = css(rule);
    ctx.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
    if (!living) return;
    ctx.fillStyle = css(inkOn(own));
    ctx.fillText(colours[label] ? `${label}` : '?', x + side / 2, y + side / 2 + 1);
  });
  ctx.strokeStyle = css(accent);
  ctx.lineWidth = 3;
  ctx.strokeRect(area.x + side, area.y + side, side, side);
}

function drawVotes(
  ctx: CanvasRenderingContext2D,
  { x, y, width, height }: Area,
  { votes, label }: CellLook,
  colours: RGB[],
  { ink, muted, rule }: Theme,
): void {
  const wide = width / votes.length;
  const area = { x, y, width, height: height - NAMES };
  drawBars(ctx, area, votes, (i) => colours[i], rule);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'alphabetic';
  votes.forEach((_, i) => {
    ctx.font = font(SMALL_TEXT + 1, i === label ? 700 : 400);
    ctx.fillStyle = css(i === label ? ink : muted);
    ctx.fillText(`${i}`, x + (i + 0.5) * wide, y + height - 2);
  });
}

function drawHidden(
  ctx: CanvasRenderingContext2D,
  { x, y, width, height }: Area,
  hidden: Float32Array,
  { rule }: Theme,
  dark: boolean,
): void {
  const area = { x, y, width, height: height - NAMES };
  const strong = (value: number): RGB => diverging(value < 0 ? -0.7 : 0.7, dark);
  drawBars(ctx, area, hidden, (i) => strong(hidden[i]), rule);
}

/** Bars up and down from a line in the middle. */
function drawBars(
  ctx: CanvasRenderingContext2D,
  { x, y, width, height }: Area,
  values: Float32Array,
  colour: (i: number) => RGB,
  rule: RGB,
): void {
  const [wide, middle] = [width / values.length, y + height / 2];
  values.forEach((value, i) => {
    const up = (squashed(STEEPNESS * value) * height) / 2;
    ctx.fillStyle = css(colour(i));
    ctx.fillRect(x + (i + 0.12) * wide, middle - Math.max(up, 0), wide * 0.76, Math.abs(up));
  });
  stroke(ctx, rule, 1, line(x, middle, x + width, middle));
}

function drawCourse(
  ctx: CanvasRenderingContext2D,
  { x, y, width, height }: Area,
  { course, votes }: CellLook,
  colours: RGB[],
  { ground, rule }: Theme,
): void {
  const middle = y + height / 2;
  stroke(ctx, rule, 1, line(x, middle, x + width, middle));
  const first = course[0]?.step ?? 0;
  const steps = Math.max(1, (course.at(-1)?.step ?? 0) - first);
  const highest = [...votes.keys()].sort((a, b) => votes[a] - votes[b]); // drawn last, on top
  for (const label of highest) {
    const path = new Path2D();
    for (const { step, votes } of course) {
      const at = x + ((step - first) / steps) * width;
      path.lineTo(at, middle - (squashed(STEEPNESS * votes[label]) * height) / 2);
    }
    stroke(ctx, ground, 4, path);
    stroke(ctx, colours[label], 2, path);
  }
}
