/** A picture of the cells for a slide: title, cells, what they say, the key to their colours. */

import { inWords } from '../census';
import type { Census } from '../census';
import { css } from '../colour';
import type { Picture, RGB } from '../engine/picture';
import { ReadableError } from '../engine/readable_error';
import { drawCells } from './cells';
import { drawChips } from './chips';
import { drawImpostor, drawImpostors } from './impostors';
import { drawLabels } from './labels';
import { font, theme } from './theme';

const WIDEST = 1120; // pixels of the cells: 8 a cell on the largest canvas, more on smaller ones
const LEAST = 8;
const MARGIN = 40;
const TITLE = { size: 40, height: 76, middle: 26 };
const WORDS = { size: 30, height: 64 };
const CHIP = 56;
const ENLARGED = 1.6; // labels, compared with those on the page: a slide is seen from far away

/** What a saved picture shows. */
export interface PictureParts {
  picture: Picture;
  /** [N], as `labels(picture)` gives them. */
  labels: Int8Array;
  census: Census;
  /** One for each label. */
  colours: RGB[];
  /** Of the model, as "L2 + noise". */
  title: string;
  dark: boolean;
}

/** Pixels a cell: 8 or more, as many as fit into the width of a slide. */
export function cellScale(size: number): number {
  return Math.max(LEAST, Math.floor(WIDEST / size));
}

/**
 * The picture as a PNG.
 *
 * @throws ReadableError if the browser can't make one.
 */
export async function savePicture(parts: PictureParts): Promise<Blob> {
  const canvas = compose(parts);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
  if (!blob)
    throw new ReadableError('This browser cannot save the picture: it may be short of memory.');
  return blob;
}

function compose(parts: PictureParts): HTMLCanvasElement {
  const { picture, census, colours, title } = parts;
  const { ground, ink, muted, undecided } = theme(parts.dark);
  const side = cellScale(picture.size) * picture.size;
  const canvas = document.createElement('canvas');
  canvas.width = side + 2 * MARGIN;
  canvas.height = side + TITLE.height + WORDS.height + CHIP + 2 * MARGIN;
  const ctx = canvas.getContext('2d')!;
  ctx.fillStyle = css(ground);
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.translate(MARGIN, MARGIN);
  ctx.textBaseline = 'middle';
  ctx.fillStyle = css(ink);
  ctx.font = font(TITLE.size, 600);
  ctx.fillText(title, 0, TITLE.middle, side * 0.7);
  const words = inWords(census);
  ctx.font = font(WORDS.size);
  ctx.font = font(WORDS.size * Math.min(1, side / ctx.measureText(words).width));
  ctx.fillText(words, 0, TITLE.height + side + WORDS.height / 2);
  ctx.font = font(WORDS.size);
  ctx.fillStyle = css(muted);
  ctx.textAlign = 'right';
  ctx.fillText(stepText(picture.step), side, TITLE.middle);
  const lying = census.impostors > 0;
  const chips = colours.length + (lying ? 2 : 1);
  const chip = { width: side / chips, height: CHIP, text: WORDS.size };
  const top = TITLE.height + side + WORDS.height;
  drawChips(ctx, colours, undecided, 0, top, chip);
  if (lying) drawImpostor(ctx, side - (chip.width + CHIP) / 2, top, CHIP);
  ctx.translate(0, TITLE.height);
  drawEnlarged(ctx, parts, side);
  return canvas;
}

function stepText(step: number): string {
  return `${step.toLocaleString('en')} CA ${step === 1 ? 'step' : 'steps'}`;
}

/** The cells with hard edges, framed, and what their pieces say. */
function drawEnlarged(
  ctx: CanvasRenderingContext2D,
  { picture, labels, census, colours, dark }: PictureParts,
  side: number,
): void {
  const cells = document.createElement('canvas');
  cells.width = picture.size;
  cells.height = picture.size;
  drawCells(cells.getContext('2d')!, picture, labels, colours, dark);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(cells, 0, 0, side, side);
  drawImpostors(ctx, side, picture);
  ctx.strokeStyle = css(theme(dark).rule);
  ctx.lineWidth = 2;
  ctx.strokeRect(-1, -1, side + 2, side + 2);
  ctx.scale(ENLARGED, ENLARGED);
  drawLabels(ctx, side / ENLARGED, picture, census, colours, dark);
}
