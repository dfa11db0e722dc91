/** The key above the curve: the labels' colours, the two lines and their newest values. */

import { css } from '../colour';
import type { RGB } from '../engine/picture';
import { drawChips } from './chips';
import { line, strokeAgreement, strokeShare } from './curve_lines';
import type { CurvePoint } from './curve_points';
import { SMALL_TEXT, font, theme } from './theme';

const ROW = 20; // CSS pixels, as all lengths here
const GAP = 16;
const CHIP = 15;
const SAMPLE = 26; // of a line

/** What one entry shows, and how wide it is. */
interface Entry {
  width: number;
  draw(x: number, y: number): void;
}

/**
 * Draws the key at the top of the canvas, in as few rows as possible; without the values if they
 * would need another row. Returns its height.
 */
export function drawKey(
  ctx: CanvasRenderingContext2D,
  width: number,
  last: CurvePoint | undefined,
  colours: RGB[],
  dark: boolean,
): number {
  ctx.font = font(SMALL_TEXT + 1);
  ctx.textBaseline = 'middle';
  const full = rowsOf(entries(ctx, last, colours, dark, true), width);
  const plain = rowsOf(entries(ctx, last, colours, dark, false), width);
  const rows = full.length > plain.length ? plain : full;
  rows.forEach((row, i) => {
    let x = 0;
    for (const entry of row) {
      entry.draw(x, i * ROW + ROW / 2);
      x += entry.width + GAP;
    }
  });
  return rows.length * ROW;
}

/** Rows with as many entries as fit. */
export function rowsOf<T extends { width: number }>(entries: readonly T[], width: number): T[][] {
  const rows: T[][] = [];
  let used = Infinity;
  for (const entry of entries) {
    if (used + GAP + entry.width > width) {
      rows.push([]);
      used = -GAP;
    }
    rows[rows.length - 1].push(entry);
    used += GAP + entry.width;
  }
  return rows;
}

function entries(
  ctx: CanvasRenderingContext2D,
  last: CurvePoint | undefined,
  colours: RGB[],
  dark: boolean,
  values: boolean,
): Entry[] {
  const value = (share = 0) => (values ? ` ${percentage(share)}` : '');
  return [
    chips(ctx, colours, dark),
    lineEntry(ctx, dark, `cells in the majority${value(last?.share)}`, strokeShare),
    lineEntry(ctx, dark, `digits whose cells all agree${value(last?.agreement)}`, strokeAgreement),
  ];
}

function chips(ctx: CanvasRenderingContext2D, colours: RGB[], dark: boolean): Entry {
  const { ink, undecided } = theme(dark);
  const text = 'votes';
  const side = { width: CHIP, height: CHIP, text: SMALL_TEXT };
  const before = (colours.length + 1) * CHIP + 6;
  return {
    width: before + ctx.measureText(text).width,
    draw(x, y) {
      drawChips(ctx, colours, undecided, x, y - CHIP / 2, side);
      ctx.fillStyle = css(ink);
      ctx.fillText(text, x + before, y + 0.5);
    },
  };
}

function lineEntry(
  ctx: CanvasRenderingContext2D,
  dark: boolean,
  text: string,
  style: typeof strokeShare,
): Entry {
  const colours = theme(dark);
  // As wide as with the widest value, so that nothing moves when the value changes.
  const widest = text.replace(/ \d+ %/, ' 100 %');
  return {
    width: SAMPLE + 6 + ctx.measureText(widest).width,
    draw(x, y) {
      style(ctx, colours, line(x, y, x + SAMPLE, y));
      ctx.fillStyle = css(colours.ink);
      ctx.fillText(text, x + SAMPLE + 6, y + 0.5);
    },
  };
}

/** Rounded, but 100 only if all of them and 0 only if none. */
export function percentage(share: number): string {
  const rounded = Math.round(share * 100);
  if (rounded === 100 && share < 1) return '99 %';
  if (rounded === 0 && share > 0) return '1 %';
  return `${rounded} %`;
}
