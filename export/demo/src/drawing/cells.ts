/** The cells in the colours of their labels. */

import { IMPOSTOR } from '../census';
import type { Picture, RGB } from '../engine/picture';
import { IMPOSTOR_COLOUR } from './impostors';
import { theme } from './theme';

/**
 * Draws one canvas pixel a cell, opaque, from the canvas's upper left corner.
 *
 * The gray value is the opacity: of a living cell's label colour, of black (white in dark mode)
 * while it has not decided and for cells that are dead but gray, of red for impostors, over which
 * `drawImpostors` draws their mark.
 *
 * @param labels [N], as `labels(picture)` gives them.
 * @param colours one for each label.
 */
export function drawCells(
  ctx: CanvasRenderingContext2D,
  picture: Picture,
  labels: Int8Array,
  colours: RGB[],
  dark: boolean,
): void {
  const image = ctx.createImageData(picture.size, picture.size);
  paintCells(image.data, picture, labels, colours, dark);
  ctx.putImageData(image, 0, 0);
}

/** As `drawCells`, into [size * size * 4] bytes, red, green, blue and opacity of each cell. */
export function paintCells(
  pixels: Uint8ClampedArray,
  { gray, positions }: Picture,
  labels: Int8Array,
  colours: RGB[],
  dark: boolean,
): void {
  const { ground, undecided } = theme(dark);
  for (let cell = 0; cell < gray.length; cell++) {
    blend(pixels, cell, ground, undecided, gray[cell]);
  }
  for (let row = 0; row < positions.length; row++) {
    const cell = positions[row];
    const colour = labels[row] === IMPOSTOR ? IMPOSTOR_COLOUR : colours[labels[row]];
    blend(pixels, cell, ground, colour ?? undecided, gray[cell]);
  }
}

function blend(
  pixels: Uint8ClampedArray,
  cell: number,
  ground: RGB,
  colour: RGB,
  opacity: number,
) {
  const at = cell * 4;
  pixels[at] = ground[0] + (colour[0] - ground[0]) * opacity;
  pixels[at + 1] = ground[1] + (colour[1] - ground[1]) * opacity;
  pixels[at + 2] = ground[2] + (colour[2] - ground[2]) * opacity;
  pixels[at + 3] = 255;
}
